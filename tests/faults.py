"""A disk on which something happens at a chosen moment: a kill, no space, or whatever else the test does then."""

import builtins
import errno
import io
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Kill(BaseException):
    """The end of the process: nothing that the dying program still tries to do to the disk is done."""


class Disk:
    """Counts what is done to the files under `folder`, and calls `event` before the operation number `at`, from 1.

    `event` is given this disk; it may raise, or set `dead` or `full`. Files are written half before what it raises.
    """

    def __init__(self, folder: Path, at: int, event: Callable[["Disk"], None], chance: random.Random) -> None:
        self.folder, self.at, self.event, self.chance = folder, at, event, chance
        self.count, self.dead, self.full, self.aside = 0, False, False, False
        self.doing = ""

    def kill(self) -> None:
        """From now on nothing reaches the disk."""
        self.dead = True
        raise Kill(self.doing)

    def fill(self) -> None:
        """From now on there is no space. Removing a file needs none."""
        self.full = True

    def tick(self, what: str, path: Any = "") -> None:
        """Count an operation; raise where it does not take place."""
        if self.aside:
            return
        if self.dead:
            raise Kill(what)
        self.count += 1
        self.doing = f"{what} {Path(str(path)).name}"
        if self.count == self.at:
            self.aside = True
            try:
                self.event(self)
            finally:
                self.aside = False
        if self.full and what != "unlink":
            raise NO_SPACE

    def holds(self, path: Any) -> bool:
        """Whether a path is watched."""
        return isinstance(path, str | os.PathLike) and Path(os.fspath(path)).is_relative_to(self.folder)


class Written:
    """A file open for writing, on such a disk."""

    def __init__(self, disk: Disk, path: Any, file: Any) -> None:
        self._disk, self._path, self._file = disk, path, file

    def write(self, data: Any) -> int:
        try:
            self._disk.tick("write", self._path)
        except BaseException:
            self._file.write(data[: self._disk.chance.randrange(len(data) + 1)])
            raise
        return self._file.write(data)

    def __enter__(self) -> "Written":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def inside(path: Path) -> dict[str, bytes]:
    """What an HDF5 file holds; HDF5 lays out the same content in one way or another."""
    with h5py.File(path) as file:
        arrays = {str(name): np.asarray(file[str(name)]) for name in file}
        arrays |= {f"attribute {name}": np.asarray(value) for name, value in file.attrs.items()}
    return {name: f"{each.dtype} {each.shape} ".encode() + each.tobytes() for name, each in arrays.items()}


@contextmanager
def watch(disk: Disk) -> Iterator[Disk]:
    """Within the block, everything that is done to the disk's folder goes through it."""
    real_open = builtins.open

    def opened(path: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if not disk.holds(path) or mode.startswith("r"):
            return real_open(path, mode, *arguments, **named)
        disk.tick("open", path)
        return Written(disk, path, real_open(path, mode, *arguments, **named))

    def through(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def done(first: Any, *arguments: Any, **named: Any) -> Any:
            if isinstance(first, int) or disk.holds(first):
                disk.tick(name, arguments[0] if name == "replace" else first)
            return real(first, *arguments, **named)

        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", opened)
        for name in ("replace", "fsync", "unlink", "mkdir"):
            patch.setattr(os, name, through(name, getattr(os, name)))
        yield disk
