"""Stand-ins for packages that a bare machine lacks and no measurement needs: options, memory, threads, checks of types.

Imported by `shared.paths`, before all else. A package that is installed is never replaced.
"""

import contextlib
import importlib.util
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class App:
    """What the benchmarks use of cyclopts: one function with options, `--name value` or `--name` for True."""

    def __init__(self, **_: object) -> None:
        self.work: Callable[..., Any] = lambda: 0

    def default(self, work: Callable[..., Any]) -> Callable[..., Any]:
        self.work = work
        return work

    def __call__(self) -> Any:
        return self.work(**read_options(self.work, sys.argv[1:]))


def read_options(work: Callable[..., Any], arguments: list[str]) -> dict[str, Any]:
    """The options in `arguments`, with the types that the function's annotations name."""
    hints, found, rest = typing.get_type_hints(work), {}, list(arguments)
    while rest:
        name = rest.pop(0).removeprefix("--").replace("-", "_")
        if name not in inspect.signature(work).parameters:
            raise SystemExit(f"bench: --{name} is unknown; give {', '.join(inspect.signature(work).parameters)}")
        kind = hints[name]
        if kind is bool:
            found[name] = True
            continue
        choices = [each for each in (kind, *typing.get_args(kind)) if each in (int, float)]
        found[name] = (choices[0] if choices else str)(rest.pop(0))
    return found


class Memory:
    """What of psutil.virtual_memory is used, in bytes."""

    def __init__(self) -> None:
        lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
        sizes = {words[0]: 1024 * int(words[1]) for words in lines}
        self.total, self.available = sizes["MemTotal:"], sizes["MemAvailable:"]


class Threads:
    """threadpoolctl's controller, which here limits nothing."""

    @contextlib.contextmanager
    def limit(self, **_: object) -> Iterator[None]:
        yield


def _executor() -> type:
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor


def _same(given: Any = None, **_: object) -> Any:
    """A decorator, or what makes one, that changes nothing."""
    return given if given is not None else _same


PACKAGES: dict[str, Callable[[], dict[str, Any]]] = {
    "cyclopts": lambda: {"App": App, "Parameter": lambda *_, **__: None, "CycloptsError": Exception},
    "psutil": lambda: {"virtual_memory": Memory, "cpu_count": lambda logical=True: os.cpu_count()},
    "threadpoolctl": lambda: {"ThreadpoolController": Threads},
    "loky": lambda: {},
    "loky.process_executor": lambda: {"ProcessPoolExecutor": _executor()},
    "beartype": lambda: {"beartype": _same, "BeartypeConf": _same},
}


def is_missing(name: str) -> bool:
    """Whether a package can not be imported, or is blocked."""
    if name in sys.modules:
        return sys.modules[name] is None
    return importlib.util.find_spec(name) is None


def fill_in() -> list[str]:
    """Put the stand-ins where packages are missing; their names."""
    missing = [name for name in PACKAGES if "." not in name and is_missing(name)]
    for name, attributes in PACKAGES.items():
        if name.partition(".")[0] in missing:
            module = types.ModuleType(name)
            module.__path__ = []
            vars(module).update(attributes())
            sys.modules[name] = module
    return missing


FILLED_IN = fill_in()
