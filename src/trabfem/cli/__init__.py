"""The command line: arguments in, one answer out.

Exit codes: 0 for a converged, checked answer, 2 for a user's mistake, 3 for a solve that did not converge or a row of a
cohort that is not done, 130 for Ctrl-C. Each command stands in its own file and returns an `Outcome`; only `main`
prints it. Heavy imports are inside the commands, so that `trabfem --help` is quick.
"""

import contextlib
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from trabfem import keyboard
from trabfem.errors import NotConverged, UserError

PARAMETER = re.compile(r"(?P<name>[a-z_]+) = (?P<value>[^:]*): ")
"""How the library begins a complaint of a parameter's value."""

if TYPE_CHECKING:
    from cyclopts import App

    from trabfem.cli.common import Outcome

COMMANDS = tuple(
    "compare simulate solve homogenize strength morphometry cohort export generate course agents trial view render "
    "film doctor".split()
)
COMMON = (
    "spacing", "device", "threshold", "crop", "label", "segmentation", "calibration", "array", "roi", "labels",
    "moduli", "coarsen",
)  # fmt: skip
STOPPED = {
    **dict.fromkeys(("compare", "simulate"), "the study goes on with --resume and the same --out"),
    "cohort": "the cohort goes on by the same command",
}
"""What is said of a command that Ctrl-C stopped, where its work can go on."""
FILES = {"morphometry": "specimen", "generate": "specimen"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's) and return its exit code."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    with keyboard.watch():
        try:
            return _run(tokens)
        except BaseException as error:
            # What is interrupted may fail in its own words, such as the import of a library.
            if keyboard.was_pressed() or isinstance(error, KeyboardInterrupt):
                gone_on = STOPPED.get(tokens[0] if tokens else "", "nothing that is incomplete was kept")
                return _complain(f"stopped by the keyboard; {gone_on}", 130)
            return _explain(error)


def _explain(error: BaseException) -> int:
    """Say what a user can mend and return the exit code; raise anything else again."""
    from cyclopts import CycloptsError

    if isinstance(error, UserError | CycloptsError):
        return _complain(str(error), 2)
    if isinstance(error, NotConverged):
        return _complain(str(error), 3)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return _complain(f"{place}{error.strerror or error}; check the path and its permissions", 2)
    raise error


def application() -> "App":
    """The cyclopts application with every command."""
    from cyclopts import App

    from trabfem import __version__

    app = App(name="trabfem", version=__version__, help="Micro-FE and remodelling of trabecular bone.")
    for name in COMMANDS:
        module = importlib.import_module(f"trabfem.cli.{FILES.get(name, name)}")
        app.command(getattr(module, name), name=name, sort_key=COMMANDS.index(name))
    app.register_install_completion_command(sort_key=len(COMMANDS))
    return app


def _run(tokens: list[str]) -> int:
    """Parse and run; what a library prints while a command works goes to standard error."""
    from trabfem.cli.idle import refuse_idle_options

    command, bound, _ = application().parse_args(tokens, exit_on_error=False, print_error=False)
    try:
        # Cyclopts binds what was given and leaves out what was not.
        refuse_idle_options(getattr(command, "__name__", ""), bound.arguments)
        return _answer(command, bound)
    except UserError as error:
        raise UserError(with_flags(str(error), command)) from error


def with_flags(sentence: str, command: Callable[..., Any]) -> str:
    """A complaint of the library in the words of the command line: `years = 200: ...` as `--years 200: ...`.

    Only for what `command` has as an option: a key of a configuration file keeps its name.
    """
    match = PARAMETER.match(sentence)
    if match is None or match["name"] not in {*inspect.signature(command).parameters, *COMMON}:
        return sentence
    return f"--{match['name'].replace('_', '-')} {match['value']}: {sentence[match.end() :]}"


def _answer(command: Callable[..., Any], bound: inspect.BoundArguments) -> int:
    """Run one command and print its outcome; its exit code."""
    if "common" not in bound.arguments and not getattr(command, "__module__", "").startswith("trabfem"):
        command(*bound.args, **bound.kwargs)
        return 0
    say_what_is_needed()
    with contextlib.redirect_stdout(sys.stderr):
        outcome: Outcome = command(*bound.args, **bound.kwargs)
    if outcome.json:
        print(json.dumps(outcome.result, allow_nan=False))
    else:
        outcome.print_for_people()
    return _complain(outcome.trouble, 3) if outcome.trouble else 0


def say_what_is_needed() -> None:
    """Send the library's words on memory to standard error."""
    import logging

    log = logging.getLogger("trabfem.memory")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("trabfem: %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)


def _complain(sentence: str, code: int) -> int:
    print(f"trabfem: {' '.join(sentence.split())}", file=sys.stderr)
    return code
