"""Options that would have no effect beside the others that are given: each is refused in one sentence."""

from collections.abc import Mapping
from typing import Any

from trabfem.cli.common import Common
from trabfem.errors import UserError

WITHOUT_SPECIMEN = ("course", "agents", "trial", "render", "film", "doctor")
GOES_ON_WITH = ("out", "resume", "years", "members", "workers", "common")
ASKED_BY = {"compare": "config", "simulate": "specimen"}
"""What says everything again, so that options beside --resume can be checked against it."""


def refuse_idle_options(command: str, given: Mapping[str, Any]) -> None:
    """UserError for the first of the options `given` to a command that would be ignored."""
    common = given.get("common", Common())
    if command in WITHOUT_SPECIMEN and common.spacing is not None:
        raise UserError(f"--spacing {common.spacing}: trabfem {command} reads no specimen; leave it out")
    if given.get("sex") == "male" and given.get("menopause_age") is not None:
        raise UserError(f"--menopause-age {given['menopause_age']:g}: a man has none; leave it out")
    asked = ASKED_BY.get(command)
    if asked is not None and given.get("resume") and given.get(asked) is None:
        idle = [name for name in given if name not in GOES_ON_WITH]
        idle += ["spacing"] if common.spacing is not None else []
        idle = [name for each in idle for name in (given[each].given if each == "scan" else [each])]
        if idle:
            raise UserError(
                f"--{idle[0].replace('_', '-')}: a run goes on as it was asked for, in its own folder; leave it out, "
                f"or give the {asked} and all else again"
            )
