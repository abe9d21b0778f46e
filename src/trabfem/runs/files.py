"""Files of a run folder. Every file is written under another name, forced to the disk, then renamed.

So a reader, or a run resumed after a kill, finds the old file or the new one but never an incomplete one. `state.h5` is
written last in a step, so a step counts as done only when this file has been written.
"""

import contextlib
import csv
import errno
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from trabfem.errors import UserError

Rows = list[dict[str, Any]]
FORMAT = 3
"""Version of the run folder's format, which `store` describes."""
LOCK_POLL_S = 0.1


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary file, sync it, and rename it to `path`; a failure leaves `path` as it was."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def cannot_write(path: Path, error: OSError) -> UserError:
    """The error for what the disk refuses."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    remedy = "free some space" if full else "give a folder that can be written"
    return UserError(f"{path} could not be written ({error.strerror or error}): {remedy}")


def sync_folder(folder: Path) -> None:
    """Force the names in `folder` to the disk, so that after a power cut no file is there without an earlier one."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems know no such thing
            os.fsync(handle)
    finally:
        os.close(handle)


def delete_partial_files(folder: Path) -> None:
    """Delete incomplete files of a process that was killed."""
    for partial in folder.glob(".*.partial"):
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, completely or not at all."""
    write_atomic(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def write_json(path: Path, table: Mapping[str, Any]) -> None:
    """Write `table` as JSON; numbers that are not finite become null."""
    write_text(path, json.dumps(to_json_types(table), indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The table in `path`; empty where the file is missing or not readable."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def to_json_types(value: Any) -> Any:
    """`value` in JSON's own types."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): to_json_types(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_types(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file: numbers with eight digits, None and NaN as empty cells."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([format_cell(value) for value in row] for row in rows)
    write_text(path, text.getvalue())


def read_table(path: Path, text_columns: Sequence[str] = ("arm", "slug")) -> list[dict[str, Any]]:
    """The rows of a CSV file: numbers as floats, empty cells as None."""
    with path.open(newline="", encoding="utf-8") as lines:
        return [
            {name: text if name in text_columns else read_cell(text) for name, text in row.items()}
            for row in csv.DictReader(lines)
        ]


def read_cell(text: str | None) -> Any:
    """A cell as a float if it is a number, None if it is empty, else its text."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def format_cell(value: Any) -> str:
    """A cell of a table: numbers with eight digits, empty for None and NaN."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def write_month(
    folder: Path,
    month: float,
    fill: Float32[np.ndarray, "x y z"],
    sed: Float32[np.ndarray, "x y z"],
    spacing: tuple[float, float, float],
    arm: str,
    age: Float32[np.ndarray, "x y z"] | None = None,
) -> None:
    """Write `month_XXXX.h5`, the bone at one month.

    The file has `fill` as round(255 x), and `sed`, the energy density (MPa per volume of element), in half precision
    divided by the power of two in the attribute `sed_unit_MPa`. Its relative error is at most 0.05 % where it is above
    1e-4 of the largest value. `age`: of the tissue, years, in half precision; left out where it is not followed.
    """
    options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    largest = float(sed.max())
    unit = 2.0 ** np.ceil(np.log2(largest)) if largest > 0 else 1.0
    arrays = {"fill": np.round(255 * fill).astype(np.uint8), "sed": (sed / np.float32(unit)).astype(np.float16)}
    if age is not None:
        arrays["age"] = age.astype(np.float16)
    attributes = {"month": float(month), "spacing_mm": spacing, "arm": arm, "sed_unit_MPa": unit}
    write_hdf5(folder / month_name(month), arrays, attributes, options)


def read_month(
    path: Path,
) -> tuple[Float32[np.ndarray, "x y z"], Float32[np.ndarray, "x y z"], Float32[np.ndarray, "x y z"] | None]:
    """Fill (0..1), energy density (MPa per volume of element) and tissue age (years) that `write_month` wrote."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            fill = np.asarray(file["fill"], dtype=np.float32) / np.float32(255.0)
            unit = float(np.asarray(file.attrs["sed_unit_MPa"]).item())
            sed = np.asarray(file["sed"], dtype=np.float32) * np.float32(unit)
            age = np.asarray(file["age"], dtype=np.float32) if "age" in file else None
    except (OSError, KeyError) as error:
        raise UserError(f"{path} is not a month of a run ({error}): delete it and resume the run") from error
    if fill.shape != sed.shape:
        raise UserError(f"{path} holds fill {fill.shape} and sed {sed.shape}: delete it and resume the run")
    return fill, sed, age


def month_files(folder: Path) -> dict[float, Path]:
    """The file of each month that is saved in a folder, in order of months."""
    found = {float(path.stem.removeprefix("month_")): path for path in folder.glob("month_*.h5")}
    return dict(sorted(found.items()))


def write_hdf5(
    path: Path, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Write an HDF5 file, made in memory first.

    When HDF5 itself writes to a full disk, it cannot close the file and prints errors until the program ends.
    """
    import h5py

    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **options)
        file.attrs.update(attributes)
        file.flush()
        image = file.id.get_file_image()
    write_atomic(path, lambda partial: partial.write_bytes(image))


def month_name(month: float) -> str:
    """month_0007.h5, or month_0007.50.h5 between months."""
    whole = float(month).is_integer()
    return f"month_{int(month):04d}.h5" if whole else f"month_{month:07.2f}.h5"


def write_state(path: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], compress: bool = False) -> None:
    """Write `state.h5`, everything that the next step depends on; `facts` as JSON with floats of full precision.

    `compress`: for the last state; earlier ones are overwritten within seconds.
    """
    # A dataset, since an attribute is limited to 64 kB, less than the rows of a long run.
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if compress else {}
    write_hdf5(path, {**arrays, "facts": text}, {"format": FORMAT}, options)


def read_state(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and facts of `write_state`; UserError where the file is no state of this format."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise UserError(f"{path} was written by another version of trabfem: start the run anew")
            arrays = {str(name): np.asarray(file[str(name)]) for name in file if name != "facts"}
            return arrays, json.loads(np.asarray(file["facts"]).tobytes())
    except (OSError, KeyError) as error:
        raise UserError(f"{path} is not a state to go on from ({error}): start the run anew") from error


def read_facts(path: Path) -> dict[str, Any]:
    """The facts of `write_state` alone, without the arrays; empty where there is no such file."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return json.loads(np.asarray(file["facts"]).tobytes())
    except (OSError, KeyError):
        return {}


@contextmanager
def lock_folder(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Lock `folder` for this process in a `with` block; UserError where another one holds it for `patience` seconds.

    The lock ends with the process, even when it is killed. Systems without file locks get no lock.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise cannot_write(folder, error) from error
    with file:
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() - began >= patience:
                    raise UserError(
                        f"{folder} is being written by another process: wait for it, or give another folder"
                    ) from None
                time.sleep(LOCK_POLL_S)
                continue
            except OSError:
                pass  # a file system without locks
            break
        yield
