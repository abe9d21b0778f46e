"""Time series for ParaView: one `.vti` per month that is kept and a `.pvd` per arm that gives their times in years."""

from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from trabfem import vti
from trabfem.constants import MONTHS_PER_YEAR
from trabfem.errors import UserError
from trabfem.render.bones import moment_of
from trabfem.runs.files import month_name
from trabfem.runs.study import ArmRuns, Study, open_study
from trabfem.runs.trajectory import Moment

FILL, SED, AGE = "fill", "sed (MPa)", "age (years)"
UNITS = {FILL: "1", SED: "MPa", AGE: "years"}


def export(study: Path | str | Study, every: int = 1, folder: Path | None = None) -> list[Path]:
    """Write `paraview/<slug>.pvd` and `paraview/<slug>/month_XXXX.vti` for each arm; returns the `.pvd` paths.

    Times in the `.pvd` are years. Cell data: `fill` (0..1), `sed (MPa)`, per volume of the voxel, and `age (years)` of
    the tissue where the study follows it; each has its unit where VTK keeps it as well. `every`: use each n-th month
    and the last. `folder`: in place of `paraview` in the study's folder. Of several members the first.
    `UserError` where the folder is no study.
    """
    study = open_study(study)
    if folder is None and study.folder is None:
        raise UserError("folder: this study was not written to a folder; give one for the files for ParaView")
    place = folder if folder is not None else Path(study.folder or "") / "paraview"
    return [export_arm(study, arm, place, every) for arm in study]


def choose_places(count: int, every: int) -> list[int]:
    """Places 0, every, 2 every, ... below `count`, and the last."""
    return sorted({*range(0, count, max(1, every)), count - 1})


def cells_of(moment: Moment) -> dict[str, np.ndarray]:
    """The arrays of a month under names that say their unit, as a colour legend shows names alone."""
    cells = {FILL: moment.fill, SED: moment.sed} | ({AGE: moment.age} if moment.age is not None else {})
    return {name: values.astype("<f4") for name, values in cells.items()}


def export_arm(study: Study, arm: ArmRuns, folder: Path, every: int) -> Path:
    """Write one arm's months and the collection that lists them."""
    (folder / arm.slug).mkdir(parents=True, exist_ok=True)
    lines = []
    for place in choose_places(len(arm.months), every):
        moment = moment_of(study, arm, place)
        path = folder / arm.slug / f"{Path(month_name(moment.month)).stem}.vti"
        cells, where = cells_of(moment), study.place
        vti.write(path, study.shape, where.spacing, where.origin, direction=where.direction, cells=cells, units=UNITS)
        name = quoteattr(f"{arm.slug}/{path.name}")
        years = moment.month / MONTHS_PER_YEAR.value
        lines.append(f'    <DataSet timestep="{years:.6g}" part="0" file={name}/>\n')
    header = '<?xml version="1.0"?>\n<!-- years -->\n<VTKFile type="Collection" version="1.0">\n  <Collection>\n'
    text = header + "".join(lines) + "  </Collection>\n</VTKFile>\n"
    return vti.replace_file(folder / f"{arm.slug}.pvd", text.encode())
