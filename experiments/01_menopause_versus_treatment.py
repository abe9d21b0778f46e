"""Five years after menopause, untreated against oestrogen, alendronate and denosumab, on one block of vertebral bone.

Run `python experiments/01_menopause_versus_treatment.py [--quick]`. It is what `trabfem compare` does, with the choices
in sight; it runs unchanged on a CPU or a GPU. Prints the change of BV/TV, stiffness and strength in each arm, mean
and band of the members, and what it gained over no treatment in the same member; draws curves, bones and a movie.
"""

import argparse

import trabfem as tf
from trabfem.render.report import render_run

BONE = "vertebra_64"  # a shipped specimen; a path to your own scan works as well
WOMAN = tf.Patient("female", age=50, menopause_age=51)
ARMS = {
    "Untreated menopause": "",
    "Oestrogen therapy": "estrogen 0-60",
    "Alendronate": "alendronate 0-60",
    "Denosumab": "denosumab 0-60",
}
YEARS, MEMBERS = 5, 4
OUT = "out/01_menopause_versus_treatment"


def main() -> None:
    """Run the members through every arm, print what each arm changed and gained, and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller piece of the bone in longer steps")
    quick = parser.parse_args().quick
    size, months = (40, 4) if quick else (None, 1)
    study = tf.compare(BONE, WOMAN, ARMS, years=YEARS, months_per_step=months, members=MEMBERS, crop=size, out=OUT)
    print(study)
    report = render_run(study, quick=quick)
    print(*report.files, *report.messages, sep="\n")


if __name__ == "__main__":
    main()
