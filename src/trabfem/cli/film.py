"""`trabfem film`: a film of a finished run."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trabfem.cli.common import Common, Outcome, claim_file
from trabfem.errors import UserError


def film(
    run: Path,
    /,
    *,
    out: Path | None = None,
    orbit: Annotated[bool, Parameter(negative="")] = False,
    time_lapse: Annotated[bool, Parameter(negative="")] = False,
    frames: int = 36,
    colour: str = "energy",
    month: float | None = None,
    arms: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    width: int = 1280,
    common: Common = Common(),
) -> Outcome:
    """Film a run: all arms in step through the months, or once around their bones.

    Example: `trabfem film my-study --orbit --colour shift --out turn.mp4`

    MP4 needs the extra `film`; GIF needs nothing more.

    Parameters
    ----------
    run
        The folder that `trabfem compare` or `trabfem simulate` wrote.
    out
        The new file, .mp4 or .gif; figures/ in the run's folder, named by the kind of film, if left out.
    orbit
        The camera goes once around the bones of one month; with --time-lapse, around them while the months pass.
    time_lapse
        All arms in step over the months; the default.
    frames
        How many pictures the film has; where fewer months are kept, each stands for several.
    colour
        What the colours say: energy, strain, shift, change, thickness or age.
    month
        Of an orbit; the last one if left out.
    arms
        Names of the arms that are shown, or of their folders; all if left out.
    width
        Of the picture, in pixels.
    """
    from trabfem.render.film import film as make_film

    kind = "both" if orbit and time_lapse else "orbit" if orbit else "time-lapse"
    path = claim_file(out) if out is not None else run / "figures" / f"{kind}.mp4"
    if path.exists():
        raise UserError(f"{path} exists and is left as it is: give --out another name")
    file = make_film(run, path, kind=kind, frames=frames, colour=colour, month=month, arms=arms, width=width)
    return Outcome(f"Film of {run}", [("wrote", str(file))], {"run": run, "file": file, "kind": kind}, common.json)
