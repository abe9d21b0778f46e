"""A run folder in the layout that the remodelling writes, made in moments from a plate network that thins."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from scipy import ndimage

HEADER = [
    "arm",
    "slug",
    "month",
    "BV/TV",
    "Tb.Th (mm)",
    "stiffness (N/mm)",
    "failure load (N)",
    "E2 (pg/ml)",
    "RANKL/OPG",
    "CTX",
    "P1NP",
    "BMD",
]


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
    depth = ndimage.distance_transform_edt(solid, spacing) - ndimage.distance_transform_edt(~solid, spacing)
    depth = ndimage.gaussian_filter(depth, 0.6)
    return depth - np.quantile(depth, 0.8)


def fill_of(depth: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    return np.clip(0.5 + depth / min(spacing), 0, 1)


def sed_of(fill: np.ndarray, seed: int = 5) -> np.ndarray:
    """A made-up strain energy density: log-normal, longer than a voxel, higher where there is less bone."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(fill.shape), 3, mode="wrap")
    level = 2e-4 / max(float(fill.mean()), 1e-3)
    return np.where(fill > 0.01, level * np.exp(0.9 * noise / noise.std()) * fill, 0).astype(np.float32)


def write_step(path: Path, month: float, fill: np.ndarray, spacing: tuple[float, float, float], arm: str) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("fill", data=np.round(255 * fill).astype(np.uint8), compression="gzip", shuffle=True)
        file.create_dataset("sed", data=sed_of(fill), compression="gzip", shuffle=True)
        file.attrs.update(month=month, spacing_mm=spacing, arm=arm)


def table_row(arm: FakeArm, month: int, fill: np.ndarray, first: float) -> list[object]:
    bvtv = float(fill.mean())
    ratio = bvtv / first
    e2 = 20 + 100 * np.exp(-month / 12) if arm.slug != "oestrogen" else 80.0
    turnover = 1 + (1 - np.exp(-month / 10)) * arm.loss_mm / 0.02
    structure = [bvtv, 0.18 * ratio**0.5, 2100 * ratio**1.6, 420 * ratio**1.9]
    numbers = [*structure, e2, turnover, turnover, turnover**0.8, ratio]
    return [arm.name, arm.slug, month, *(f"{value:.6g}" for value in numbers)]


def write_run(
    out: Path,
    shape: tuple[int, int, int] = (20, 16, 26),
    spacing: tuple[float, float, float] = (0.05, 0.06, 0.04),
    months: tuple[int, ...] = (0, 6, 12),
    arms: tuple[FakeArm, ...] = ARMS[:2],
    depth: np.ndarray | None = None,
) -> Path:
    """Write a run of `arms` into `out`; the depth of bone falls by each arm's loss up to the last month."""
    depth = plate_depth(shape, spacing) if depth is None else depth
    first = float(fill_of(depth, spacing).mean())
    rows: list[list[object]] = []
    for arm in arms:
        (out / arm.slug).mkdir(parents=True, exist_ok=True)
        for month in months:
            fill = fill_of(depth - arm.loss_mm * month / max(months), spacing)
            write_step(out / arm.slug / f"month_{month:04d}.h5", month, fill, spacing, arm.name)
            rows.append(table_row(arm, month, fill, first))
    with (out / "timeseries.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    described = [{"name": arm.name, "slug": arm.slug, "schedule": arm.schedule} for arm in arms]
    meta = {"kind": "compare", "name": "fake", "arms": described, "spacing_mm": spacing, "shape": shape, "config": {}}
    (out / "run.json").write_text(json.dumps(meta))
    return out
