"""Tables of the documentation, made at build from the package and from what the tests check, so that none can go stale.

Each function returns Markdown. A page asks for one with a line `<!-- made: NAME -->`.
"""

import dataclasses
import functools
import importlib
import inspect
import io
import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import config_meanings
from tutorials import NOT_RUN, execute

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "tests" / "peer_figures.json"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], align: str = "") -> str:
    """A Markdown table; `align` has one of `l` and `r` a column."""
    rules = ["---:" if letter == "r" else "---" for letter in align.ljust(len(header), "l")]
    lines = [header, rules, *([str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


# Agents and schedules -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Agent:
    """What the page says about one agent, all in words."""

    name: str
    dose: str
    forms: str
    every: str
    mechanism: str
    source: str


def agents_known() -> list[Agent]:
    """Every agent that a schedule may name, in the registry's order."""
    return [_from_registry(agent) for agent in importlib.import_module("trabfem.biology.agents").FORMULARY]


def _from_registry(agent: Any) -> Agent:
    usual, *others = agent.forms
    forms = [_form(form) for form in others]
    if usual.strengths:
        forms.insert(0, f"{usual.name} of {_amounts(usual.strengths, usual.unit)}")
    dose = f"{_amounts((usual.standard,), usual.unit)}, {usual.name}"
    every = _interval(float(agent.every))
    return Agent(agent.name, f"{dose}, {agent.route}", "; ".join(forms), every, agent.mechanism, agent.source)


def _form(form: Any) -> str:
    period = f" every {form.period_days:g} days" if form.period_days else ""
    strengths = f" ({_amounts(form.strengths, form.unit)})" if form.strengths else ""
    return f"{form.name}{strengths}: {_amounts((form.standard,), form.unit)}{period} is 1×"


def _amounts(values: Sequence[float], unit: str) -> str:
    written = {"ug": "µg", "x": "× the standard"}.get(unit, unit)
    return f"{', '.join(f'{value:g}' for value in values)} {written}"


def _interval(months: float) -> str:
    return f"every {months:g} months" if months > 1 else "every month" if months else "daily"


def agents() -> str:
    """The agents with standard dose, interval, mechanism and source."""
    rows = [
        (f"`{a.name}`", f"{a.dose}, {a.every}", a.forms, f"{a.mechanism} <small>({a.source})</small>")
        for a in agents_known()
    ]
    return table(["agent", "standard dose", "also understood", "what it does (source)"], rows)


# Loads ----------------------------------------------------------------------------------------------------------------


def load_cases() -> str:
    """Every load case of the command line by name."""
    known = importlib.import_module("trabfem.mechanics.loads").BY_NAME
    families: dict[str, list[str]] = {}
    for name, make in known.items():
        function = make.func if isinstance(make, functools.partial) else make
        families.setdefault(_first_line(function), []).append(f"`{name}`")
    return table(["name", "what is prescribed"], [(", ".join(names), text) for text, names in families.items()])


def density_laws() -> str:
    """Every law of modulus from density by name."""
    laws = importlib.import_module("trabfem.specimen.materials").DENSITY_LAWS.values()
    header = ["name", "E", "of", "source"]
    cells = ((f"`{law.name}`", f"{law.a:g} ρ^{law.b:g} {law.modulus_unit}", law) for law in laws)
    return table(header, [(*cell, f"{law.density} density, {law.density_unit}", law.source) for *cell, law in cells])


def profiles() -> str:
    """Every profile of a scanner by name."""
    known = importlib.import_module("trabfem.specimen.materials").PROFILES.values()
    header = ["name", "E, MPa", "ν", "volume", "strain", "source"]
    return table(
        header,
        [(f"`{p.name}`", f"{p.youngs:g}", p.poisson, p.pistoia_volume, p.pistoia_strain, p.source) for p in known],
        "lrrrrl",
    )


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")


# Configuration --------------------------------------------------------------------------------------------------------


def configuration() -> str:
    """Every key of the configuration file with type, default and meaning, a table of TOML each."""
    module = importlib.import_module("trabfem.runs.config")
    return "\n".join(_section(name, cls) for name, cls in configuration_tables(module))


def configuration_tables(module: types.ModuleType) -> list[tuple[str, type]]:
    """(heading, dataclass) of the file's top level and of every table in it."""
    found, waiting = [], [("", module.StudyConfig)]
    while waiting:
        name, cls = waiting.pop(0)
        found.append((name, cls))
        hints = typing.get_type_hints(cls, vars(module))
        for field in dataclasses.fields(cls):
            inner = next((t for t in _types(hints[field.name]) if dataclasses.is_dataclass(t)), None)
            if inner is not None:
                listed = typing.get_origin(hints[field.name]) is tuple
                waiting.append((f"[[{field.name}]]" if listed else f"[{field.name}]", inner))
    return found


def _types(hint: Any) -> list[Any]:
    return [hint, *(inner for part in typing.get_args(hint) for inner in _types(part))]


def _section(name: str, cls: type) -> str:
    module = inspect.getmodule(cls)
    hints = typing.get_type_hints(cls, vars(module))
    rows = []
    for field in dataclasses.fields(cls):
        key = f"{name.strip('[]')}.{field.name}".strip(".")
        if field.name == "folder" or any(dataclasses.is_dataclass(t) for t in _types(hints[field.name])):
            continue
        rows.append((f"`{field.name}`", _kind(hints[field.name]), _default(field), config_meanings.of(key)))
    heading = f"### `{name}`" if name else "### Top level"
    return f"{heading}\n\n{table(['key', 'type', 'default', 'meaning'], rows)}"


def _kind(hint: Any) -> str:
    """A type as a user of TOML would say it."""
    plain = {float: "number", int: "whole number", str: "text", bool: "true or false", Path: "path"}
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(f'`"{part}"`' for part in parts)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_kind(part) for part in parts if part is not type(None))
    if origin is tuple:
        return f"list of {_kind(parts[0])}s"
    if origin is dict:
        return f"table of {_kind(parts[1])}s"
    return plain.get(hint, getattr(hint, "__name__", str(hint)))


def _default(field: dataclasses.Field) -> str:
    if field.default is None:
        return "none"
    if field.default is not dataclasses.MISSING:
        return f"`{json.dumps(field.default)}`" if field.default != () else "none"
    return "needed" if field.default_factory is dataclasses.MISSING else "see below"


def default_arms() -> str:
    """The arms of `trabfem compare` without a configuration."""
    arms = importlib.import_module("trabfem.runs.config").StudyConfig().arm
    return table(["arm", "schedule"], [(arm.name, f"`{arm.schedule}`" if arm.schedule else "none") for arm in arms])


# Numbers and measures -------------------------------------------------------------------------------------------------


def constants() -> str:
    """Every constant with unit and source, under the headings of the source file."""
    module = importlib.import_module("trabfem.constants")
    parts, rows = [], []
    header = ["name", "value", "unit", "source"]
    for line in Path(module.__file__ or "").read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and line.endswith("---"):
            parts, rows = _closed(parts, header, rows), []
            parts.append(f"## {line.strip('# -').split(' (')[0]}\n")
        name = line.split(" = ")[0]
        value = getattr(module, name, None) if name.isupper() else None
        if name.isupper() and hasattr(value, "source"):
            rows.append((f"`{name}`", f"{value.value:g}", _unit(value.unit), value.source))
        elif name == "CELLS" and isinstance(value, dict):
            priors = value.items()
            rows += [(f"`{k}`", f"{p.value:g}", _unit(p.unit), f"{p.source}; spread {p.spread:g}") for k, p in priors]
    return "\n".join(_closed(parts, header, rows))


def agents_numbers() -> str:
    """Every number of every agent, with unit and source; the agent's name in its first row."""
    formulary = importlib.import_module("trabfem.biology.agents").FORMULARY
    rows = [
        ("" if place else f"`{agent.name}`", f"`{name}`", f"{number.value:g}", _unit(number.unit), number.source)
        for agent in formulary
        for place, (name, number) in enumerate(agent.constants.items())
    ]
    return table(["agent", "name", "value", "unit", "source"], rows, "llrll")


def _closed(parts: list[str], header: list[str], rows: list) -> list[str]:
    if not rows:
        return parts[:-1] if parts and parts[-1].startswith("## ") else parts
    return [*parts, table(header, rows, "lrll")]


def _unit(unit: str) -> str:
    return "" if unit == "-" else unit


def fitted_parameters() -> str:
    """Prior and fitted value of each parameter of the cell model."""
    known = importlib.import_module("trabfem.constants").CELLS
    fitted = importlib.import_module("trabfem.biology.parameters").shipped_parameters()
    rows = [
        (f"`{name}`", f"{prior.value:g}", f"{float(getattr(fitted, name)):.3g}", _unit(prior.unit), prior.source)
        for name, prior in known.items()
    ]
    return table(["parameter", "prior", "fitted", "unit", "where the prior comes from"], rows, "lrrll")


def columns() -> str:
    """Columns of a run's time series."""
    return _columns(importlib.import_module("trabfem.runs.columns").COLUMNS)


def course_columns() -> str:
    """Columns of a course of the cell model."""
    return _columns(importlib.import_module("trabfem.biology.course").COLUMNS.values())


def _columns(known: Iterable[Any]) -> str:
    return table(["column", "unit", "meaning"], [(column.name, column.unit, column.meaning) for column in known])


def measures() -> str:
    """What a trial table may ask for, by class."""
    module = importlib.import_module("trabfem.biology.measures")
    kinds: dict[str, list[str]] = {}
    for name in module.NAMES:
        kinds.setdefault(module.kind(name), []).append(f"`{name}`")
    return table(["class", "measures"], [(kind, ", ".join(names)) for kind, names in kinds.items()])


# Agreement with others ------------------------------------------------------------------------------------------------


def peers() -> str:
    """Every figure of another solver beside this one's."""
    figures = json.loads(PEERS.read_text(encoding="utf-8"))["figures"]
    rows, before = [], ("", "")
    for figure in map(_peer, figures):
        # Specimen and load are said once for the rows that share them.
        place = (figure["specimen"], figure["load"])
        said = ("", "") if place == before else ("" if place[0] == before[0] else place[0], place[1])
        rows.append((*said, *(figure[key] for key in ("quantity", "peer", "theirs", "ours", "difference", "allowed"))))
        before = place
    header = ["specimen", "load", "quantity", "peer", "theirs", "trabfem", "difference", "test allows"]
    return table(header, rows, "llllrrrr")


def _peer(figure: Mapping[str, Any]) -> dict[str, str]:
    """One figure in words; where both numbers are known the difference is worked out from them."""
    unit = figure["unit"]

    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.8g} {unit}".strip()

    theirs, ours = figure.get("theirs"), figure.get("ours")
    difference = abs(ours / theirs - 1) if theirs and ours else figure["difference"]
    said = figure.get("difference_of", "")
    return {
        **{key: figure[key] for key in ("specimen", "load", "quantity", "peer")},
        "theirs": number(theirs) if theirs else figure.get("theirs_in_words", ""),
        "ours": number(ours),
        "difference": f"{_power(difference)} {said}".strip(),
        "allowed": _power(figure["limit"]),
    }


def _power(value: float) -> str:
    """0.0015 as 1.5e-3."""
    digits, power = f"{value:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(power)}"


def calibration() -> str:
    """Prediction beside published value for every row of the shipped trial table, and the mean absolute errors."""
    parameters = importlib.import_module("trabfem.biology.parameters")
    if not execute():
        return NOT_RUN
    importlib.import_module("trabfem.device").keep_compiled_programs()
    report = importlib.import_module("trabfem.biology.trials").run_table(parameters.shipped_table())
    rows = [
        (
            r["trial"],
            r["arm"],
            f"`{r['schedule']}`" if r["schedule"] else "",
            f"{r['measure']}",
            f"{r['from_month']}–{r['month']}",
            f"{float(r['value']):+.1f}",
            f"{r['predicted']:+.1f}",
            f"{r['predicted_low']:+.1f} to {r['predicted_high']:+.1f}",
        )
        for r in report.rows
        if r["value"]
    ]
    header = ["trial", "arm", "schedule", "measure", "months", "published %", "predicted %", "90 % band"]
    return table(header, rows, "lllllrrr")


def calibration_errors() -> str:
    """Mean absolute error by class: in the fit, and with every trial left out of it in turn."""
    fit = importlib.import_module("trabfem.biology.parameters").shipped_fit()
    seen, unseen = fit["mean_abs_error"], fit["mean_abs_error_left_out"]
    words = {"density": "density, points of %", "marker": "markers, points of %", "other": "other, points of %"}
    names = [*words, *sorted(name for name in seen if name not in words)]
    rows = [
        (words.get(name, f"`{name}`"), f"{seen[name]:.1f}", f"{unseen[name]:.1f}") for name in names if name in seen
    ]
    return table(["measure", "in the fit", "trial left out"], rows, "lrr")


# The command line -----------------------------------------------------------------------------------------------------


def command_line() -> str:
    """What every command says with `--help`."""
    from rich.console import Console

    cli = importlib.import_module("trabfem.cli")
    app, parts = cli.application(), []
    for name in cli.COMMANDS:
        text = io.StringIO()
        app.help_print([name], console=Console(file=text, width=82, no_color=True, force_terminal=False))
        parts.append(f"## trabfem {name}\n\n```text\n{_without_colours(text.getvalue()).strip()}\n```\n")
    return "\n".join(parts)


def _without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


MADE: dict[str, Callable[[], str]] = {
    function.__name__: function
    for function in (
        agents,
        load_cases,
        density_laws,
        profiles,
        configuration,
        default_arms,
        constants,
        agents_numbers,
        fitted_parameters,
        columns,
        course_columns,
        measures,
        peers,
        calibration,
        calibration_errors,
        command_line,
    )
}
