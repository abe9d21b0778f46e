"""How the C kernels are compiled: for which processors, by which compiler, and what a library is called.

Nothing but the standard library is imported, as the build of the package loads this file before JAX is there.
"""

import functools
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parent
# Where an editable installation has its libraries, and a wheel too.
BUILT = SOURCE / "built"
FLAGS = ("-std=c11", "-O3", "-ffp-contract=fast", "-Wno-psabi", "-shared", "-fPIC")
# That of dlopen, which the C library has itself since glibc 2.34.
LIBRARIES = ("-ldl",)
# Seconds; a compiler takes two, Zig five, and more where the processor is slow or busy.
PATIENCE = 300
# In what the kernels ask of a compiler beside C11, GCC 8 falls short; and headers of the C library may be missing.
PROBE = """
#include <stdatomic.h>
#include <stdlib.h>
typedef short entries __attribute__((vector_size(32)));
typedef float vector __attribute__((vector_size(64)));
void probe(const entries *in, vector *out) { *out = __builtin_convertvector(*in, vector); }
"""


class Variant(NamedTuple):
    """Kernels for one generation of processors: options of the compiler, and flags that /proc/cpuinfo must have."""

    name: str
    label: str
    options: tuple[str, ...]
    needs: frozenset[str]


# The levels v2, v3 and v4 of x86-64, in words that all compilers know. Of the first one nothing is asked, since JAX
# itself does not load on a processor without AVX.
_SSE4 = ("-msse4.2", "-mpopcnt", "-mcx16")
_AVX2 = (*_SSE4, "-mavx2", "-mfma", "-mf16c", "-mbmi", "-mbmi2", "-mlzcnt", "-mmovbe")
_WIDE = ("-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512")
_FLAGS2 = frozenset(("avx2", "fma", "f16c", "bmi1", "bmi2", "abm", "movbe"))
_FLAGS3 = _FLAGS2 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
X86 = (
    Variant("avx512", "AVX-512", (*_AVX2, *_WIDE), _FLAGS3),
    Variant("avx2", "AVX2", _AVX2, _FLAGS2),
    Variant("sse4", "SSE4", _SSE4, frozenset()),
)
OTHER = (Variant("baseline", "baseline", (), frozenset()),)


class CannotCompile(Exception):
    """No compiler, or none that manages; the text says so in a few words."""


def variants(machine: str | None = None) -> tuple[Variant, ...]:
    """What is built for this kind of machine, the fastest first."""
    return X86 if (machine or platform.machine()) in ("x86_64", "AMD64") else OTHER


def supported(flags: frozenset[str], machine: str | None = None) -> list[Variant]:
    """The variants that a processor with these flags can run, the fastest first."""
    return [variant for variant in variants(machine) if variant.needs <= flags]


@functools.cache
def processor() -> tuple[str, frozenset[str]]:
    """Name and flags of the processor; a flag is there only if the operating system lets it be used."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}", frozenset()
    pairs = [[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]
    names = sorted({value for key, value in pairs if key in ("model name", "CPU implementer", "CPU part")})
    found = [set(value.split()) for key, value in pairs if key in ("flags", "Features")]
    # Cores may differ, and a thread may run on any of them.
    return " ".join(names), frozenset(set.intersection(*found) if found else ())


@functools.cache
def digest() -> str:
    """Sixteen digits that change with the sources and with how they are compiled."""
    told = hashlib.sha256(repr((FLAGS, [variant.options for variant in (*X86, *OTHER)])).encode())
    for file in sorted(path for pattern in ("*.c", "*.h", "*.cu") for path in SOURCE.glob(pattern)):
        told.update(file.name.encode() + file.read_bytes())
    return told.hexdigest()[:16]


def library_name(variant: Variant) -> str:
    """File name of a library that is built with the package; one of other sources has another name."""
    return f"kernels-{digest()}-{variant.name}.so"


def compilers() -> Iterator[tuple[str, ...]]:
    """Commands of the C compilers that are there: of $CC, the machine's, and Zig from the package `ziglang`."""
    asked = filter(None, [shlex.split(os.environ.get("CC", "")), ["cc"], ["gcc"], ["clang"]])
    there = [(path, *options) for name, *options in asked if (path := shutil.which(name))]
    yield from dict.fromkeys(there)
    if importlib.util.find_spec("ziglang"):
        yield (sys.executable, "-m", "ziglang", "cc")


def is_zig(compiler: tuple[str, ...]) -> bool:
    """Whether this command is Zig."""
    return "ziglang" in compiler


def is_usable(compiler: tuple[str, ...]) -> bool:
    """Whether the compiler knows what the kernels need, and finds the headers of the C library."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text(PROBE)
        try:
            compile_library(compiler, variants()[0].options, Path(folder) / "probe.so", (source,))
        except (OSError, subprocess.SubprocessError):
            return False
    return True


def compile_library(
    compiler: tuple[str, ...],
    options: tuple[str, ...],
    library: Path,
    sources: tuple[Path, ...] = (),
    cache: str | None = None,
) -> None:
    """Compile the kernels into `library`. Raises OSError or subprocess.SubprocessError where that fails."""
    files = map(str, sources or sorted(SOURCE.glob("*.c")))
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / library.name
        # Zig keeps what it makes of the C library, 60 MB; nothing of it is needed later.
        kept = dict.fromkeys(("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"), cache or folder)
        command = [*compiler, *FLAGS, *options, *files, *LIBRARIES, "-o", str(made)]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE, env={**os.environ, **kept})
        # Renaming is atomic, as another process may be writing the same file.
        made.replace(library)


def build(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """All variants for this kind of machine in `folder`, and the compiler, empty if they were there.

    Raises CannotCompile.
    """
    libraries = [folder / library_name(variant) for variant in variants()]
    if all(library.exists() for library in libraries):
        return libraries, ()
    trouble = "no C compiler"
    for compiler in compilers():
        try:
            with tempfile.TemporaryDirectory() as cache, ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(functools.partial(_build_one, compiler, folder, cache), variants()))
            return libraries, compiler
        except (OSError, subprocess.SubprocessError) as failure:
            trouble = why(failure)
    raise CannotCompile(trouble)


def _build_one(compiler: tuple[str, ...], folder: Path, cache: str, variant: Variant) -> None:
    """One variant, which runs on any Linux that JAX runs on if it is Zig that compiles."""
    old_glibc = platform.system() == "Linux" and is_zig(compiler)
    target = ("-target", f"{platform.machine()}-linux-gnu.2.17") if old_glibc else ()
    compile_library(compiler, (*target, *variant.options), folder / library_name(variant), cache=cache)


def why(failure: Exception) -> str:
    """Why there is no library, in one line: of a compiler's message the first error."""
    if not isinstance(failure, subprocess.CalledProcessError):
        return (str(failure).strip() or type(failure).__name__).splitlines()[0]
    said = [line for line in failure.stderr.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in said if "error" in line]
    return f"the C compiler failed: {(errors or said or ['no message'])[0]}"
