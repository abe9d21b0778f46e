"""Methods in words: members and their statistics, software, and what the answer does not say."""

from collections.abc import Mapping
from typing import Any

from trabfem.render.page.library import SOFTWARE, cite
from trabfem.render.page.method_mechanics import (
    has_values,
    say_resolution,
    settings_of_header,
    turning_arms,
    voxels_a_strut,
)
from trabfem.render.page.wording import counted, duration, listing, months, paragraph, say, section
from trabfem.runs import statistics
from trabfem.runs.study import Study

NAMES = {"python": "Python", "trabfem": "trabfem", "jax": "JAX", "numpy": "NumPy", "scipy": "SciPy"}
NOT_INSTALLED = "not installed"


def describe_statistics(study: Study) -> dict[str, Any]:
    """Members, seed, and what bands and intervals are."""
    header, count = study.header, int(study.header["members"])
    short = any(run.ended for arm in study.arms for run in arm.members)
    length = say(
        "Every arm was followed for {years}{short}.",
        years=duration(header.get("years")), short=", or until its bone was cut through" if short else "",
    )  # fmt: skip
    if count == 1:
        return section("Statistics", paragraph(length, describe_single(study), describe_seed(study)))
    paired = "Arms were compared member by member, so that chance which is the same in both drops out."
    members = paragraph(length, describe_members(study, count), describe_seed(study))
    return section(
        "Statistics", members, paragraph(paired if len(study.arms) > 1 else "", describe_intervals(len(study.arms) > 1))
    )


def is_smooth(study: Study) -> bool:
    """Whether nothing is drawn at random in a run: no single remodelling units."""
    return settings_of_header(study.header).get("bmus", True) is None


def describe_seed(study: Study) -> str:
    """The seed, where anything is random."""
    drawn = not is_smooth(study) or int(study.header["members"]) > 1
    return say("Random numbers began with the seed {seed}.", seed=study.header.get("seed") if drawn else None)


def describe_single(study: Study) -> str:
    """One run an arm."""
    if not settings_of_header(study.header):
        return "Each arm was run once."
    drawn = "" if is_smooth(study) else " and one draw of remodelling units"
    return f"Each arm was run once, with the fitted parameters of the cell model{drawn}; there are no bands."


def describe_members(study: Study, count: int) -> str:
    """What differs between the members of an arm."""
    said = f"Every arm was run for {counted(count, 'member')}, all from the same specimen."
    if not settings_of_header(study.header):
        return said
    own = "" if is_smooth(study) else " and its own seed of the remodelling units"
    draw = "A member has its own draw of the cell model's parameters from their posterior distribution"
    return f"{said} {draw}{own}, the same in all arms."


def describe_intervals(compared: bool) -> str:
    """What bands and intervals are, and where arms are compared the verdict."""
    band, interval = (f"{100 * share:.0f} %" for share in (statistics.BAND, statistics.CONFIDENCE))
    tails = [f"{(1 + share) / 2:g}" for share in (statistics.BAND, statistics.CONFIDENCE)]
    return (
        f"Of n members with mean m and standard deviation s, the band m ± t({tails[0]}, n − 1) s √(1 + 1/n) is the "
        f"{band} prediction interval for a further member, and m ± t({tails[1]}, n − 1) s/√n the {interval} confidence "
        "interval of the mean, with quantiles t of Student's distribution."
        + (
            " A gain is called beyond chance where that interval excludes zero. No correction was made for the number "
            "of comparisons."
            if compared
            else ""
        )
    )


def describe_software(header: Mapping[str, Any]) -> dict[str, Any]:
    """Versions and device, of the header of a study or of a cohort."""
    known = {name: text for name, text in (header.get("versions") or {}).items() if text != NOT_INSTALLED}
    others = [f"{NAMES.get(name, name)} {text}" for name, text in known.items() if name != SOFTWARE]
    device = header.get("device")
    where = say("It ran on {device}.", device=None if not device else "a CPU" if device == "cpu" else str(device))
    own = say("Everything was computed with trabfem {version} {key}{others}.", version=known.get(SOFTWARE),
              key=cite(SOFTWARE), others=f" under {listing(others)}" if others else "")  # fmt: skip
    return section("Software", paragraph(own, where if own else ""))


def describe_limits(study: Study) -> dict[str, Any]:
    """What the answer does not say."""
    header, asked = study.header, settings_of_header(study.header)
    bmus, men = bool(asked.get("bmus")), (header.get("patient") or {}).get("sex") == "male"
    chance = (
        "Members say what chance does to this one piece of bone, and not how bones or people differ."
        if int(header["members"]) > 1
        else "A single run is one draw: a difference between arms may be chance."
        if bmus
        else ""
    )
    block = paragraph("The study is of one block of bone.", chance, say_resolution(voxels_a_strut(study)), steps(study))
    mechanics = paragraph(
        "Tissue is linear elastic and isotropic, without marrow, damage or buckling." if asked else "",
        "The strength criterion was fitted to whole radii; on a block its value is an index, to be read in changes and "
        "ratios."
        if has_values(study, "failure load")
        else "",
        "The load was one axial compression; what else loads the bone in a day is stood for by a background and by "
        "accommodation only."
        if asked.get("background") and not asked.get("activities") and not turning_arms(study)
        else "",
        "Three numbers of the remodelling units were chosen with the losses of real vertebrae in sight."
        if bmus
        else "",
    )
    biology = (
        "The cell model is calibrated on mean responses of groups in published trials, which measured whole bones with "
        "their cortex; trabecular bone alone changes more. It predicts nothing for a person and is no medical device."
        + (" Data on men are thin." if men else "")
        if header.get("patient")
        else ""
    )
    return section("Limits", block, mechanics, biology)


def steps(study: Study) -> str:
    """What long steps do."""
    step = study.header.get("months_per_step")
    if step is None or step <= 1:
        return ""
    return f"In steps of {months(step)} a little less bone is lost than in steps of one."
