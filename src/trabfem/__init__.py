"""Trabecular bone from a voxel scan: stiffness and strength over years of menopause, ageing and treatment.

    import trabfem as tf

    bone = tf.read("scan.nii.gz", spacing=0.034)
    tf.morphometry(bone)
    tf.solve(bone, tf.platens(strain=-0.01))
    study = tf.compare(bone, tf.Patient("female", age=50, menopause_age=51),
                       {"Untreated": "", "Denosumab": "denosumab 0-60"}, years=5, out="study")
    study.plot()

Rooms, lowest first: `schedule`; `specimen`, `mechanics`, `biology`; `analysis`, `remodelling`; `runs`; `render`. Names
and rooms are imported when first touched, so that `import trabfem` opens no device and sets no option.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

NAMES = {
    "specimen": ("Specimen", "as_specimen", "from_gray", "from_mask", "read"),
    "specimen.materials": ("DensityLaw", "assign_moduli"),
    "specimen.readers": ("write",),
    "specimen.morphometry": ("morphometry",),
    "specimen.synthetic": ("generate",),
    "mechanics.loads": (
        "LoadCase", "bending", "confined", "direct", "fixed_base", "kubc", "platens", "pmubc", "shear",
        "symmetric_shear", "torsion", "uniaxial",
    ),
    "analysis.export": ("export",),
    "analysis.homogenize": ("homogenize",),
    "analysis.solve": ("solve",),
    "analysis.strength": ("strength",),
    "biology.patient": ("Patient",),
    "biology.course": ("Course", "course"),
    "biology.trials": ("run_table",),
    "schedule": ("Schedule",),
    "remodelling.settings": ("Settings", "smooth_settings"),
    "runs.arm": ("Arm",),
    "runs.cohort.results": ("Cohort", "open_cohort"),
    "runs.cohort.run": ("cohort",),
    "runs.compare": ("compare", "resume", "simulate"),
    "runs.study": ("Study",),
    "errors": ("NotConverged", "UserError"),
}  # fmt: skip
"""The public names by the module that defines them."""
RENAMED = {"open": ("runs.study", "open_study")}
HOMES = {name: (module, name) for module, names in NAMES.items() for name in names} | RENAMED
ROOMS = (
    "analysis", "biology", "constants", "device", "errors", "mechanics", "remodelling", "render", "runs", "specimen",
    "tables",
)  # fmt: skip

__all__ = ["__version__", *sorted(HOMES)]  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:
    from trabfem.analysis.export import export
    from trabfem.analysis.homogenize import homogenize
    from trabfem.analysis.solve import solve
    from trabfem.analysis.strength import strength
    from trabfem.biology.course import Course, course
    from trabfem.biology.patient import Patient
    from trabfem.biology.trials import run_table
    from trabfem.errors import NotConverged, UserError
    from trabfem.mechanics.loads import (
        LoadCase,
        bending,
        confined,
        direct,
        fixed_base,
        kubc,
        platens,
        pmubc,
        shear,
        symmetric_shear,
        torsion,
        uniaxial,
    )
    from trabfem.remodelling.settings import Settings, smooth_settings
    from trabfem.runs.arm import Arm
    from trabfem.runs.cohort.results import Cohort, open_cohort
    from trabfem.runs.cohort.run import cohort
    from trabfem.runs.compare import compare, resume, simulate
    from trabfem.runs.study import Study
    from trabfem.runs.study import open_study as open
    from trabfem.schedule import Schedule
    from trabfem.specimen import Specimen, as_specimen, from_gray, from_mask, read
    from trabfem.specimen.materials import DensityLaw, assign_moduli
    from trabfem.specimen.morphometry import morphometry
    from trabfem.specimen.readers import write
    from trabfem.specimen.synthetic import generate


def __getattr__(name: str) -> Any:
    """Import a public name or a room on first use."""
    if name in HOMES:
        module, own = HOMES[name]
        found = getattr(importlib.import_module(f"{__name__}.{module}"), own)
        globals()[name] = found
        return found
    if name in ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *HOMES, *ROOMS])
