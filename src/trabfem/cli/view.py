"""`trabfem view`: a window on a study, a scan or a file of fields."""

from pathlib import Path
from typing import Any

from trabfem.cli.common import Common, Outcome, Scan
from trabfem.errors import UserError


def view(
    what: str,
    /,
    *,
    month: float | None = None,
    colour: str | None = None,
    arm: list[str] | None = None,
    screenshot: Path | None = None,
    size: tuple[int, int] | None = None,
    scan: Scan = Scan(),
    common: Common = Common(),
) -> Outcome:
    """Open a window to turn bones in: all arms of a study over time, a scan, or the fields of a solve.

    Example: `trabfem view my-study --colour shift`

    In the window: a slider of months, a menu of colourings (keys 1 to 9), c cuts the bone, space plays, s writes a
    screenshot, h lists all keys.

    Parameters
    ----------
    what
        The folder that `trabfem compare` or `trabfem simulate` wrote; a scan, a folder of slices or the name of a
        shipped specimen; or a file of fields (.vti, .vtu) that `trabfem solve --out` wrote.
    month
        Of a study: the month with which the window begins; the last one if left out.
    colour
        What the bone is coloured by at first. Of a study: energy, strain, shift, change, thickness or age; of a scan:
        bone, thickness or one of its maps; of fields: sed, ees, displacement, stress zz ...
    arm
        Of a study: show only this arm, by its name or that of its folder; may be given several times.
    screenshot
        Write what the window would show to this new file (.png, .jpg, .tif or .bmp) and open none; works without a
        display.
    size
        Width and height of the window or the screenshot in pixels, as 1600 960.
    """
    path = Path(what)
    options: dict[str, Any] = {"colour": colour, "screenshot": screenshot, "size": size}
    kind = kind_of(path)
    if kind != "study":
        refuse("month", month, what)
        refuse("arm", arm, what)
    if kind != "scan":
        refuse_reading(scan, common, what)
    only = {"month": month, "arm": tuple(arm or ())} if kind == "study" else {}
    try:
        shown = SHOW[kind](what, scan, common, only, options)
    except UserError as error:
        raise UserError(str(error).replace("`screenshot=`", "`--screenshot`")) from error
    rows = [("wrote", str(shown))] if screenshot is not None else [("shown", f"{kind} {what}")]
    result = {"shown": what, "kind": kind, "screenshot": screenshot}
    return Outcome(f"View of {what}", rows, result, common.json)


def kind_of(path: Path) -> str:
    """study, fields or scan."""
    from trabfem.render.view.voxels import is_field_file

    if path.is_dir() and ((path / "run.json").exists() or not any(each.is_file() for each in path.iterdir())):
        return "study"
    return "fields" if is_field_file(path) else "scan"


def _show_study(what: str, scan: Scan, common: Common, only: dict[str, Any], options: dict[str, Any]) -> Any:
    del scan, common
    from trabfem.render.view import view_run

    return view_run(what, **only, **options)


def _show_fields(what: str, scan: Scan, common: Common, only: dict[str, Any], options: dict[str, Any]) -> Any:
    del scan, common, only
    from trabfem.render.view import view_fields

    return view_fields(what, **options)


def _show_scan(what: str, scan: Scan, common: Common, only: dict[str, Any], options: dict[str, Any]) -> Any:
    del only
    from trabfem.cli.common import open_specimen

    return open_specimen(what, common, scan, clean=False).view(**options)


SHOW = {"study": _show_study, "fields": _show_fields, "scan": _show_scan}


def refuse(name: str, value: Any, what: str) -> None:
    """UserError for an option that means nothing for what is shown."""
    if value is not None:
        given = " ".join(value) if isinstance(value, list) else f"{value:g}"
        raise UserError(f"--{name} {given}: {what} is no study and has none; leave it out")


def refuse_reading(scan: Scan, common: Common, what: str) -> None:
    """UserError for options of reading a scan beside what is none."""
    given = {**scan.given, **({} if common.spacing is None else {"spacing": common.spacing})}
    if given:
        name, value = next(iter(given.items()))
        raise UserError(f"--{name} {value}: {what} is no scan that it could be read with; leave it out")
