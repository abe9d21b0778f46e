"""Five years after menopause, untreated against oestrogen, alendronate and denosumab, on one block of vertebral bone.

Run `python experiments/01_menopause_versus_treatment.py [--quick]`. It is what `trabfem compare --ensemble` does, with
the choices in sight; it runs unchanged on a CPU or a GPU. Prints the change of BV/TV, stiffness and strength in each
arm, median and 5-95 % of the members, and what it gained over no treatment in the same member.
"""

import argparse
import json
from pathlib import Path

from trabfem.config import Arm, CompareConfig, PatientConfig, SpecimenConfig, check

from trabfem.cli.compare import table
from trabfem.device import keep_compiled_programs
from trabfem.remodelling import compare
from trabfem.render.report import render_run

SPECIMEN = SpecimenConfig(path="vertebra_64")  # a shipped specimen; a path to your own scan works as well
PATIENT = PatientConfig(sex="female", age=50.0, menopause_age=51.0)
ARMS = (
    Arm("Untreated menopause", ""),
    Arm("Oestrogen therapy", "estrogen 0-60"),
    Arm("Alendronate", "alendronate 0-60"),
    Arm("Denosumab", "denosumab 0-60"),
)
YEARS = 5.0
MONTHS_PER_STEP = 1.0
APPARENT_STRESS_MPA = 0.5
MEMBERS, WORKERS = 4, 1
OUT = Path("out/01_menopause_versus_treatment")


def main() -> None:
    """Run the members through every arm, draw them, and print what each arm changed and gained."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller piece of the bone in longer steps")
    quick = parser.parse_args().quick
    keep_compiled_programs()
    config = CompareConfig(
        name="Menopause versus treatment",
        specimen=SPECIMEN,
        patient=PATIENT,
        years=YEARS,
        months_per_step=MONTHS_PER_STEP,
        apparent_stress=APPARENT_STRESS_MPA,
        arm=ARMS,
    )
    OUT.mkdir(parents=True)  # fails rather than write over an earlier run
    compare.run_members(check(config), OUT, MEMBERS, workers=WORKERS, quick=quick)
    render_run(OUT, quick=quick)
    for title, changes in table(json.loads((OUT / "run.json").read_text())):
        print(f"{title:44s}{changes}")


if __name__ == "__main__":
    main()
