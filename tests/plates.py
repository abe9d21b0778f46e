"""The small piece of bone on which the tests of remodelling run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from trabfem.biology.patient import Patient
from trabfem.runs.arm import as_arms
from trabfem.runs.compare import run
from trabfem.runs.plan import Plan
from trabfem.runs.study import Study
from trabfem.specimen import Specimen, from_mask, keep_load_path

WOMAN = Patient("female", 50.0, 51.0)


def bone(seed: int = 4, n: int = 18, spacing: float = 0.035) -> Specimen:
    """Plates and rods along z, BV/TV about 0.25."""
    noise = ndimage.gaussian_filter(
        np.random.default_rng(seed).standard_normal((n, n, n)), (2.2, 2.2, 3.2), mode="wrap"
    )
    return keep_load_path(from_mask(np.abs(noise) < 0.33 * noise.std(), spacing, f"plates {seed}"))


def carry_out(
    arms: Mapping[str, str], out: Path | None = None, *, workers: int = 1, order: list[int] | None = None,
    resuming: bool = False, client: Any = None, progress: Any = False, n: int = 18, **numbers: Any,
) -> Study:  # fmt: skip
    """A study of a woman after menopause on that bone."""
    plan = Plan(bone(n=n), WOMAN, as_arms(arms), **numbers)
    return run(plan, out, resuming=resuming, workers=workers, client=client, progress=progress, order=order)
