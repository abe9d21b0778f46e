"""Named segmentations as the field runs them: a filter, and a threshold in mg HA/cm³.

Sources: XtremeCT II, Gaussian filter with sigma 0.8 and support 1 voxel, 320 mg HA/cm³ for trabecular and 450 for
cortical bone: Whittier et al. 2020, Osteoporos. Int. 31:1607. XtremeCT I, Laplace-Hamming filter: Laib & Rüegsegger
1999, Bone 24:35. µCT, a Gaussian filter and a global threshold: Bouxsein et al. 2010, JBMR 25:1468.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import fft, ndimage

from trabfem.errors import UserError

Voxels = Float[np.ndarray, "x y z"]
Triple = tuple[float, float, float]
Filter = Callable[[Voxels, Triple], Voxels]
DENSITY_UNIT = "mg HA/cm³"


@dataclass(frozen=True)
class Preset:
    """A filter of the density and the threshold after it; `threshold` None: it has to be given."""

    name: str
    filter: Filter
    description: str
    threshold: float | None
    source: str
    unit: str = DENSITY_UNIT

    def describe(self) -> str:
        """The filter in words, and the source."""
        return f"{self.description} ({self.source})"


def gauss(values: Voxels, spacing: Triple, sigma: float = 0.8, support: int = 1) -> Voxels:
    """Gaussian of `sigma` voxels cut at `support` voxels either side, borders reflected; sigma of the smallest edge."""
    smallest = min(spacing)
    for axis, edge in enumerate(spacing):
        weights = np.exp(-0.5 * (np.arange(-support, support + 1) * edge / (sigma * smallest)) ** 2)
        values = ndimage.correlate1d(values, (weights / weights.sum()).tolist(), axis=axis, mode="reflect")
    return values


def laplace_hamming(values: Voxels, spacing: Triple, weight: float = 0.5, cutoff: float = 0.4) -> Voxels:
    r"""Sharpening by the Laplacian, and a Hamming low-pass, in the frequency domain.

    $$H(f) = \left(1 + \frac{\epsilon}{1 - \epsilon} (2 \pi f)^2\right) (0.54 + 0.46 \cos(\pi f / f_c)), \quad f < f_c$$

    and 0 beyond, f in cycles per voxel. The gain at f = 0 is one, so that a density stays a density; in that it
    differs from the scanner's own filter, whose threshold is one of filtered stored values. `values` are mirrored at
    the borders.
    """
    shape = values.shape
    mirrored = np.pad(values, [(0, n) for n in shape], mode="symmetric")
    axes = [fft.fftfreq(n) for n in mirrored.shape[:2]] + [fft.rfftfreq(mirrored.shape[2])]
    square = sum(f**2 for f in np.meshgrid(*axes, indexing="ij", sparse=True))
    gain = 1 + weight / (1 - weight) * (2 * np.pi) ** 2 * square
    gain = np.where(square < cutoff**2, gain * (0.54 + 0.46 * np.cos(np.pi * np.sqrt(square) / cutoff)), 0)
    filtered = np.asarray(fft.irfftn(np.asarray(fft.rfftn(mirrored)) * gain, mirrored.shape))
    return filtered[tuple(slice(n) for n in shape)].astype(np.float32)


_GAUSS = "Gaussian filter, sigma 0.8 and support 1 voxel"
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("xtremect2", gauss, _GAUSS, 320.0, "Whittier 2020, trabecular bone"),
        Preset("xtremect2-cortical", gauss, _GAUSS, 450.0, "Whittier 2020, cortical bone"),
        Preset("xtremect1", laplace_hamming, "Laplace-Hamming filter, 0.5 and 0.4", None, "Laib & Rüegsegger 1999"),
        Preset("uct", gauss, _GAUSS, None, "Bouxsein 2010"),
    )
}


def find_preset(name: str) -> Preset:
    """The preset called `name`; UserError where there is none."""
    if name not in PRESETS:
        raise UserError(f"segmentation = {name!r}: give one of {', '.join(PRESETS)}")
    return PRESETS[name]
