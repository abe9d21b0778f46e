"""A study's folder as `trabfem.runs` writes it, made in moments from a plate network that thins."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from scipy import ndimage

from trabfem.runs import files, store
from trabfem.runs.columns import COLUMNS
from trabfem.specimen import Specimen
from trabfem.specimen.place import Place


@dataclass(frozen=True)
class FakeArm:
    name: str
    slug: str
    schedule: str
    loss_mm: float


ARMS = (
    FakeArm("Untreated menopause", "untreated", "", 0.020),
    FakeArm("Oestrogen", "oestrogen", "estrogen 2mg 0-60", 0.004),
    FakeArm("Alendronate", "alendronate", "alendronate 0-60", 0.002),
    FakeArm("Denosumab", "denosumab", "denosumab 0-60", -0.003),
)


def plate_depth(shape: tuple[int, int, int], spacing: tuple[float, float, float], seed: int = 3) -> np.ndarray:
    """Depth (mm) inside a network of perforated plates along z, a fifth of the volume; negative in the pores."""
    rng = np.random.default_rng(seed)
    width = np.array([0.24, 0.24, 0.40]) / np.array(spacing)
    first, second = (ndimage.gaussian_filter(rng.standard_normal(shape), width, mode="wrap") for _ in range(2))
    first, second = first / first.std(), second / second.std()
    inside = np.minimum(0.26 - np.abs(first), second + 0.6)
    solid = inside > 0
    within, outside = (cast(np.ndarray, ndimage.distance_transform_edt(part, spacing)) for part in (solid, ~solid))
    depth = within - outside
    depth = ndimage.gaussian_filter(depth, 0.6)
    return depth - np.quantile(depth, 0.8)


def fill_of(depth: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    return np.clip(0.5 + depth / min(spacing), 0, 1)


def sed_of(fill: np.ndarray, seed: int = 5) -> np.ndarray:
    """A made-up strain energy density: log-normal, longer than a voxel, higher where there is less bone."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(fill.shape), 3, mode="wrap")
    level = 2e-4 / max(float(fill.mean()), 1e-3)
    return np.where(fill > 0.01, level * np.exp(0.9 * noise / noise.std()) * fill, 0).astype(np.float32)


def age_of(fill: np.ndarray) -> np.ndarray:
    """Young bone in the slices below, old bone above."""
    years = np.linspace(0.5, 20, fill.shape[2], dtype=np.float32)
    return np.where(fill > 0, years, np.float32(0)).astype(np.float32)


def table_row(arm: FakeArm, month: int, fill: np.ndarray, first: float) -> dict[str, float]:
    bvtv = float(fill.mean())
    ratio = bvtv / first
    e2 = 20 + 100 * np.exp(-month / 12) if arm.slug != "oestrogen" else 80.0
    turnover = 1 + (1 - np.exp(-month / 10)) * arm.loss_mm / 0.02
    known = {
        "month": float(month),
        "BV/TV": bvtv,
        "Tb.Th": 0.18 * ratio**0.5,
        "stiffness": 2100 * ratio**1.6,
        "failure load": 420 * ratio**1.9,
        "E2": float(e2),
        "RANKL/OPG": turnover,
        "CTX": turnover,
        "P1NP": turnover**0.8,
        "BMD": ratio,
    }
    return {column.label: float(known[column.name]) for column in COLUMNS if column.name in known}


def write_run(
    out: Path,
    shape: tuple[int, int, int] = (20, 16, 26),
    spacing: tuple[float, float, float] = (0.05, 0.06, 0.04),
    months: tuple[int, ...] = (0, 6, 12),
    arms: tuple[FakeArm, ...] = ARMS[:2],
    depth: np.ndarray | None = None,
    members: int = 1,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    place: Place | None = None,
) -> Path:
    """Write a study of `arms` into `out`; the depth of bone falls by each arm's loss up to the last month.

    Each member loses a tenth more than the one before it.
    """
    depth = plate_depth(shape, spacing) if depth is None else depth
    first = fill_of(depth, spacing)
    rows: dict[store.Key, store.Rows] = {}
    for arm in arms:
        for member in range(members):
            folder = out / arm.slug / f"member_{member:04d}"
            rows[arm.slug, member] = []
            for month in months:
                loss = arm.loss_mm * (1 + member / 10) * month / max(months)
                fill = fill_of(depth - loss, spacing)
                files.write_month(folder, month, fill.astype(np.float32), sed_of(fill), spacing, arm.name, age_of(fill))
                rows[arm.slug, member].append(table_row(arm, month, fill, float(first.mean())))
    described = [{"name": arm.name, "slug": arm.slug, "schedule": arm.schedule} for arm in arms]
    header = {"kind": store.KIND, "format": files.FORMAT, "name": "fake", "arms": described, "members": members}
    place = Place(spacing, origin) if place is None else place
    header |= {**place.as_dict(), "shape": shape, "years": max(months) / 12}
    written = store.Store(out, header)
    bone = Specimen(first, place.spacing, "fake", (), place.origin, place.direction, scan=place.scan)
    written.begin(bone, resume=True)
    written.record(rows)
    return out
