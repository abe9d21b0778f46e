"""Seconds and size of each kind of film of a study, as MP4 and GIF.

python -P bench/films.py STUDY             # a folder that `trabfem compare` wrote
python -P bench/films.py STUDY --frames 36 --kinds orbit
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from trabfem.render import probe
from trabfem.render.film import FRAMES, KINDS, film
from trabfem.render.film_files import SUFFIXES
from trabfem.runs.study import open_study


def cpu_seconds() -> float:
    """Of this process and of those that it has started and that are gone."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(study: Path, kind: str, suffix: str, colour: str, frames: int) -> str:
    """A line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        begun, used = time.perf_counter(), cpu_seconds()
        path = film(study, Path(folder) / f"film{suffix}", kind=kind, frames=frames, colour=colour)
        elapsed, spent = time.perf_counter() - begun, cpu_seconds() - used
        return f"| {kind} | {colour} | {suffix[1:]} | {elapsed:.0f} | {spent:.0f} | {path.stat().st_size / 1e6:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--colours", nargs="+", default=["energy"])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    asked = parser.parse_args()
    study = open_study(asked.study)
    print(f"{len(study)} arms, {study.shape} voxels, {asked.frames} frames; {probe.probe().message}")
    print("| kind | colour | file | elapsed s | CPU s | MB |\n|---|---|---|---:|---:|---:|")
    for kind in asked.kinds:
        for colour in asked.colours:
            for suffix in SUFFIXES:
                print(measure(asked.study, kind, suffix, colour, asked.frames), flush=True)


if __name__ == "__main__":
    main()
