"""Damaged files: seeded mutations of small valid ones, read in a process of their own with bounded memory and time.

Run as a program: `python fuzzing.py FAMILY FIRST LAST FOLDER` reads the inputs FIRST to LAST - 1 of a family and writes
one line each to standard output: before it is read its number, after it what came of it.
"""

import contextlib
import gzip
import importlib
import io
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

MEMORY = 6 << 30
SECONDS, CHILD_SECONDS = 20, 2
LIBRARIES = {
    "vtk": ("vtkmodules.vtkIOLegacy", "vtkmodules.vtkIOXML", "vtkmodules.util.numpy_support"),
    "mesh": ("meshio", "h5py"),
    "medical": ("SimpleITK",),
}
NUMBERS = (b"0", b"-1", b"1", b"2147483647", b"4294967296", b"1000000000000", b"9223372036854775807", b"1e300", b"nan")
SHAPE, SPACING = (3, 4, 5), (0.03, 0.04, 0.05)
MASK = np.random.default_rng(0).random(SHAPE) < 0.5

Seeds = dict[str, bytes]


def vtk_seeds(folder: Path) -> Seeds:
    import pyvista

    x, y, z = SHAPE
    image = pyvista.ImageData(dimensions=(x + 1, y + 1, z + 1), spacing=SPACING)
    image.cell_data["bone"] = MASK.ravel(order="F").astype(np.uint8)
    centres = pyvista.ImageData(dimensions=SHAPE, spacing=SPACING)
    centres.point_data["gray"] = MASK.ravel(order="F").astype(np.int16) * 900
    edges = [np.arange(n + 1) * h for n, h in zip(SHAPE, SPACING, strict=True)]
    grid = pyvista.RectilinearGrid(*edges)
    grid.cell_data["bone"] = image.cell_data["bone"]
    voxels = image.threshold(0.5, scalars="bone")
    hexahedra = grid.cast_to_structured_grid()
    for name, data in (("i", image), ("c", centres), ("r", grid), ("u", voxels), ("s", hexahedra)):
        data.save(folder / f"{name}.vtk")
        data.save(folder / f"{name}_ascii.vtk", binary=False)
    for name, data in (("i.vti", image), ("r.vtr", grid), ("u.vtu", voxels), ("s.vts", hexahedra)):
        data.save(folder / name)
        data.save(folder / f"ascii_{name}", binary=False)
    return read_all(folder)


def mesh_seeds(folder: Path) -> Seeds:
    import meshio

    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])
    nodes = np.argwhere(MASK)[:, None, :] + corners
    points, inverse = np.unique(nodes.reshape(-1, 3), axis=0, return_inverse=True)
    cells = inverse.reshape(-1, 8)
    mesh = meshio.Mesh(points * np.array(SPACING), [("hexahedron", cells)])
    for suffix in ("inp", "bdf", "mesh", "xdmf", "med", "dat", "avs"):
        with contextlib.redirect_stdout(io.StringIO()):
            meshio.write(folder / f"m.{suffix}", mesh)
    mesh.cell_data["gmsh:physical"] = [1 + np.arange(len(cells)) % 2]
    mesh.cell_data["gmsh:geometrical"] = mesh.cell_data["gmsh:physical"]
    meshio.write(folder / "g22.msh", mesh, file_format="gmsh22", binary=False)
    meshio.write(folder / "g22b.msh", mesh, file_format="gmsh22", binary=True)
    mesh.cell_data = {}
    meshio.write(folder / "g41.msh", mesh, file_format="gmsh", binary=False)
    with (folder / "sets.inp").open("w") as file:
        file.write("*NODE\n" + "".join(f"{i}, {x}, {y}, {z}\n" for i, (x, y, z) in enumerate(mesh.points, 1)))
        for name, half in (("BONE", cells[::2]), ("MARROW", cells[1::2])):
            file.write(f"*ELEMENT, TYPE=C3D8, ELSET={name}\n")
            file.writelines(
                f"{i + 1000 * (name == 'BONE')}, {', '.join(map(str, c + 1))}\n" for i, c in enumerate(half)
            )
        file.write("*ELSET, ELSET=ALL, GENERATE\n0, 2000, 1\n*MATERIAL, NAME=B\n*ELASTIC\n9000, 0.3\n")
        file.write("*SOLID SECTION, ELSET=BONE, MATERIAL=B\n")
    return read_all(folder)


def medical_seeds(folder: Path) -> Seeds:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(MASK.T.astype(np.int16))
    image.SetSpacing(SPACING)
    image.SetDirection((0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1))
    for name in ("a.nii", "a.nii.gz", "a.mha", "a.nrrd"):
        sitk.WriteImage(image, str(folder / name))
        if name != "a.nii.gz":
            sitk.WriteImage(image, str(folder / f"packed_{name}"), useCompression=True)
    layers = sitk.Compose(image, image)
    layers.SetMetaData("Segment0_Name", "bone")
    sitk.WriteImage(layers, str(folder / "b.seg.nrrd"))
    four = sitk.JoinSeries([image])
    sitk.WriteImage(four, str(folder / "four.nrrd"))
    for name in ("d.mhd", "d.nhdr"):
        sitk.WriteImage(image, str(folder / name))
    return {name: content for name, content in read_all(folder).items() if not name.endswith(("raw", "packed_a.nii"))}


def array_seeds(folder: Path) -> Seeds:
    np.save(folder / "a.npy", MASK.T)
    np.save(folder / "f.npy", np.asfortranarray(MASK.T.astype(">f4") * 100))
    np.save(folder / "one.npy", MASK.T[None].astype(np.int8))
    np.savez(folder / "a.npz", mask=MASK.T, spacing_zyx_mm=SPACING[::-1])
    np.savez_compressed(folder / "b.npz", fill=MASK.T.astype(np.uint8) * 255, spacing_zyx_mm=[0.03], labels=MASK.T + 1)
    np.save(folder / "object.npy", np.array([[[Bomb()]]], dtype=object), allow_pickle=True)
    return read_all(folder)


def table_seeds(folder: Path) -> Seeds:
    head = "trial,arm,sex,age,years_since_menopause,schedule,measure,month,value\n"
    rows = (
        'T,"A, b",female,65.5,15,alendronate 0-24,bmd_lumbar_spine,24,6.5\nU,B,m,70,,"denosumab 0-12",ctx,6,"-40,5"\n'
    )
    text = head + rows
    (folder / "a.csv").write_text(text)
    (folder / "b.csv").write_bytes(b"\xef\xbb\xbf" + text.replace(",", ";").replace(".", ",").encode())
    (folder / "c.csv").write_bytes(text.encode("utf-16"))
    (folder / "d.csv").write_bytes(text.replace("T,", "\xd6,").encode("latin-1").replace(b"\n", b"\r\n"))
    return read_all(folder)


class Bomb:
    """An object that makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("code-was-run",)


def read_all(folder: Path) -> Seeds:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


FAMILIES: dict[str, Callable[[Path], Seeds]] = {
    "vtk": vtk_seeds,
    "mesh": mesh_seeds,
    "medical": medical_seeds,
    "array": array_seeds,
    "table": table_seeds,
}


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three of: bytes flipped, cut short, a part left out or doubled, a number replaced, zeros put in."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        kind, place = rng.integers(6), int(rng.integers(max(len(data), 1)))
        length = int(rng.integers(1, 40))
        if kind == 0:
            for i in rng.integers(0, max(len(data), 1), rng.integers(1, 6)).tolist():
                data[i : i + 1] = bytes([rng.integers(256)])
        elif kind == 1:
            del data[place:]
        elif kind == 2:
            del data[place : place + length]
        elif kind == 3:
            data[place:place] = data[place : place + length]
        elif kind == 4:
            # Headers come first in all of these formats, so that their numbers are hit as often as all the others.
            found = list(re.finditer(rb"-?\d+", bytes(data[: 600 if rng.random() < 0.5 else None])))
            if found:
                match = found[rng.integers(len(found))]
                data[match.start() : match.end()] = NUMBERS[rng.integers(len(NUMBERS))]
        else:
            start = place if rng.random() < 0.5 else int(rng.integers(min(len(data), 352) + 1))
            data[start : start + 4] = rng.choice([b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x40"])
    return bytes(data)


def damage(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """A mutation, of gzipped files half the time below the compression."""
    if name.endswith(".gz") and rng.random() < 0.5:
        return gzip.compress(mutate(gzip.decompress(content), rng), 1)
    return mutate(content, rng)


def read_one(path: Path) -> str:
    """What comes of a file: "read", "refused", or the exception."""
    from trabfem.csv_reading import read_csv_rows
    from trabfem.errors import UserError
    from trabfem.specimen.readers import Raw, read_content

    try:
        if path.suffix == ".csv":
            read_csv_rows(path, ("age",))
            return "read"
        raw = read_content(path)
        return "read" if isinstance(raw, Raw) and raw.array.nbytes < 1 << 30 else f"returned {type(raw)}"
    except UserError as error:
        return "refused" if "\n" not in str(error) and path.name in str(error) else f"sentence: {error}"
    except BaseException as error:
        return f"raised {type(error).__name__}: {error}"


def fork_program(module: str, path: Path, folder: Path, memory: int, seconds: float) -> str | None:
    """`isolated.run_program` in a fork of this process, which has the library loaded: a hundred times as fast."""
    from trabfem.specimen.readers import extract_itk, extract_meshio, extract_vtk, isolated_main

    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            signal.alarm(CHILD_SECONDS)
            program = {"extract_vtk": extract_vtk, "extract_itk": extract_itk, "extract_meshio": extract_meshio}[module]
            isolated_main.main(vars(program), path, folder, memory)
            code = 0
        os._exit(code)
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    if ended < 0:
        print("contained", signal.Signals(-ended).name, path.name, flush=True)
    return None if ended == 0 else f"code {ended}"


def main(family: str, first: int, last: int, folder: Path) -> None:
    """Read the inputs of a family from FIRST on."""
    os.chdir(folder)
    seeds = {path.name: path.read_bytes() for path in sorted((folder / "seeds").iterdir())}
    names = [name for name in seeds if not name.endswith((".raw", ".h5", ".raw.gz"))]
    for name in set(seeds) - set(names):
        (folder / name).write_bytes(seeds[name])
    for name in LIBRARIES.get(family, ()):
        importlib.import_module(name)
    from trabfem.specimen.readers import isolated

    isolated.run_program = fork_program
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(first, last):
        rng = np.random.default_rng([number, len(family)])
        name = names[number % len(names)]
        path = folder / name
        path.write_bytes(damage(name, seeds[name], rng))
        print("start", number, name, flush=True)
        signal.alarm(SECONDS)
        answer = read_one(path)
        signal.alarm(0)
        print("end", number, answer.replace("\n", " "), flush=True)
    print("peak", peak_memory(), flush=True)


def peak_memory() -> int:
    """The largest memory that this program has held, kB; `ru_maxrss` counts that of its starter as well."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run_family(family: str, count: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """How many inputs of a family ended how, and the lines of those that ended badly (each kind once)."""
    place = folder / "seeds"
    place.mkdir(parents=True)
    FAMILIES[family](place)
    found: Counter[str] = Counter()
    bad: dict[str, str] = {}
    first, started = 0, time.monotonic()
    while first < count:
        command = [sys.executable, __file__, family, str(first), str(count), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        lines = done.stdout.splitlines()
        last = first
        for line in lines:
            word, _, rest = line.partition(" ")
            number, _, answer = rest.partition(" ")
            if word == "start":
                last = int(number)
            elif word == "end":
                found[answer if answer in ("read", "refused") else "bad"] += 1
                if answer not in ("read", "refused"):
                    bad.setdefault(answer[:60], line)
            elif word in ("contained", "peak"):
                key = f"contained {number}" if word == "contained" else "peak kB"
                found[key] = found[key] + 1 if word == "contained" else max(found[key], int(number))
        if done.returncode:
            found["crash"] += 1
            start = next((line for line in reversed(lines) if line.startswith("start")), "before the first")
            bad.setdefault(
                f"{start.split()[-1]} {done.returncode}", f"{start}: code {done.returncode} {done.stderr[-300:]}"
            )
            last = last if lines else count
        first = last + 1
    found["seconds"] = round(time.monotonic() - started)
    return found, list(bad.values())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
