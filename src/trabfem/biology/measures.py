"""Measures of trials as functions of the model's observed quantities; the names are those of the trial tables."""

from collections.abc import Callable

from trabfem import constants as c
from trabfem.biology.observation import Observed
from trabfem.biology.scalars import Scalar

Measure = Callable[[Observed], Scalar]


def _trabecular(seen: Observed) -> Scalar:
    """Mineral of trabecular bone per volume."""
    return seen.trabecular * seen.mineral


def _cortical(seen: Observed) -> Scalar:
    return seen.cortical * seen.mineral_cortical


def _radius(seen: Observed) -> Scalar:
    return _trabecular(seen) ** c.RADIUS_OVER_SPINE.value


def _resorption(seen: Observed) -> Scalar:
    return seen.ctx**c.NTX_URINE_OVER_CTX.value


def _formation(seen: Observed) -> Scalar:
    return seen.p1np**c.OSTEOCALCIN_OVER_P1NP.value


BMD: dict[str, Measure] = {
    "bmd_lumbar_spine": lambda seen: seen.bmd_spine,
    "bmd_total_hip": lambda seen: seen.bmd_hip,
    "bmd_trochanter": lambda seen: seen.bmd_hip,
    "bmd_femoral_neck": lambda seen: seen.bmd_neck,
    "bmd_total_body": lambda seen: seen.bmd_body,
    "bmd_one_third_radius": _cortical,
}
# QCT: whole sites, and their trabecular and cortical parts. The parts are the same at all sites except the radius.
WHOLE: dict[str, Measure] = {
    **dict.fromkeys(("lumbar", "spine", "lumbar_spine"), lambda seen: seen.spine_mass),
    **dict.fromkeys(("hip", "total_hip", "trochanter"), lambda seen: seen.bmd_hip),
    "femoral_neck": lambda seen: seen.bmd_neck,
}
QCT: dict[str, Measure] = {f"vbmd_{site}{part}": whole for site, whole in WHOLE.items() for part in ("", "_integral")}
QCT |= {f"vbmd_{site}_trabecular": _trabecular for site in WHOLE}
QCT |= {f"vbmd_{site}_trabecular": _radius for site in ("radius", "tibia")}
QCT |= {f"vbmd_{site}_cortical": _cortical for site in (*WHOLE, "radius", "tibia")}

MEASURES: dict[str, Measure] = {
    **BMD,
    **QCT,
    "strength_spine": lambda seen: seen.spine_mass**c.STRENGTH_POWER_WHOLE.value,
    "strength_spine_trabecular": lambda seen: _trabecular(seen) ** c.STRENGTH_POWER_TRABECULAR.value,
    "strength_hip": lambda seen: seen.bmd_hip**c.STRENGTH_POWER_WHOLE.value,
    "ctx": lambda seen: seen.ctx,
    "p1np": lambda seen: seen.p1np,
    "ctx_urine": lambda seen: seen.ctx**c.CTX_URINE_OVER_CTX.value,
    "ntx_urine": _resorption,
    "bsap": lambda seen: seen.p1np**c.BSAP_OVER_P1NP.value,
    "osteocalcin": _formation,
    "resorption_markers": _resorption,
    "formation_markers": _formation,
    "activation_frequency": lambda seen: seen.activation_frequency,
    "rankl_per_cell": lambda seen: seen.rankl,
    "testosterone": lambda seen: seen.testosterone,
    "estradiol": lambda seen: seen.e2,
    "bioavailable_testosterone": lambda seen: seen.bioavailable_testosterone,
    "bioavailable_estradiol": lambda seen: seen.bioavailable_e2,
}
NAMES = tuple(MEASURES)
DENSITY = ("bmd_", "vbmd_")
MARKERS = ("ctx", "p1np", "ntx", "bsap", "osteocalcin", "resorption_markers", "formation_markers")


def kind(measure: str) -> str:
    """The class of a measure: density, strength, marker, or other."""
    if measure.startswith(DENSITY):
        return "density"
    if measure.startswith("strength_"):
        return "strength"
    return "marker" if measure.startswith(MARKERS) else "other"
