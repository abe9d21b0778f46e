"""Compiling ahead what a bone's solve, strength and first months need, so that later runs find it on disk."""

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from trabfem.analysis.solve import solve
from trabfem.analysis.strength import strength
from trabfem.biology.patient import Patient
from trabfem.device import keep_compiled_programs
from trabfem.errors import UserError
from trabfem.remodelling.together import pays_together
from trabfem.specimen import Specimen, read
from trabfem.specimen.synthetic import generate

from .compare import simulate
from .defaults import MEMBERS

SMALLEST = 24
LARGEST_GENERATED = 128
"""Voxels a side; a larger block is made of mirror images, since making bone takes longer than compiling."""
MONTHS = 2
COMPILED, MISSED = "/jax/core/compile/backend_compile_duration", "/jax/compilation_cache/cache_misses"


@dataclasses.dataclass
class Warmed:
    """Programs that were needed, those of them that were not on disk, and the seconds that it all took."""

    bone: str = ""
    programs: int = 0
    compiled: int = 0
    seconds: float = 0.0


def warm(what: str) -> Warmed:
    """Compile what `solve`, `strength` and the first months of `simulate` need for a bone, by doing all of it once.

    `what`: a file or the name of a shipped specimen, or voxels a side of a generated vertebra. Programs are kept in the
    user's cache. They depend on the shape of the grid, on the spacing, and on the number of voxels, nodes and coarse
    elements, each rounded up to a step of a ladder (`mechanics.mesh.capacity`): a scan of the cohort in question serves
    best. **Raises:** `UserError` for a size below 24 and for a bone that cannot be read or solved.
    """
    keep_compiled_programs()
    bone = block(int(what)) if what.isdecimal() else read(what)
    woman = Patient("female", age=51, menopause_age=51)
    began = time.perf_counter()
    with counted() as warmed:
        solved = solve(bone)
        # What is computed on demand only is wanted too.
        _ = solved.sed_mean, strength(bone).failure_load
        # Where members are one mesh, their number is part of its size.
        members = MEMBERS if pays_together() else 1
        simulate(bone, woman, years=MONTHS / 12, members=members, workers=1, progress=False)
    warmed.bone, warmed.seconds = bone.name, time.perf_counter() - began
    return warmed


def block(side: int) -> Specimen:
    """A vertebra of so many voxels a side; where it is large, with mirror images of itself, which hang together."""
    if side < SMALLEST:
        raise UserError(f"warm = {side}: give at least {SMALLEST} voxels a side, or a specimen")
    pieces = -(-side // LARGEST_GENERATED)
    bone = generate("vertebra", 1, -(-side // pieces))
    fill = np.pad(bone.fill, [(0, max(side - n, 0)) for n in bone.fill.shape], mode="symmetric")
    return Specimen(fill[:side, :side, :side], bone.spacing, f"vertebra of {side} voxels a side")


@contextmanager
def counted() -> Iterator[Warmed]:
    """Within, programs are counted."""
    import jax

    counts = Warmed()

    def took(event: str, duration_secs: float, **_: object) -> None:
        counts.programs += event == COMPILED

    def happened(event: str, **_: object) -> None:
        counts.compiled += event == MISSED

    jax.monitoring.register_event_duration_secs_listener(took)
    jax.monitoring.register_event_listener(happened)
    try:
        yield counts
    finally:
        jax.monitoring.unregister_event_duration_listener(took)
        jax.monitoring.unregister_event_listener(happened)
