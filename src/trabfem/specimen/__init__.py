"""What the bone is: voxels and their place, density, labels, moduli, shape measures, readers, synthetic bone."""

from trabfem.specimen.given import Bone, as_specimen
from trabfem.specimen.load_path import keep_load_path
from trabfem.specimen.materials import SMALLEST_FILL, tissue_moduli
from trabfem.specimen.readers import MoreReading, Reading, read
from trabfem.specimen.segmentation import from_gray, from_mask
from trabfem.specimen.voxels import Specimen

__all__ = [
    "SMALLEST_FILL",
    "Bone",
    "MoreReading",
    "Reading",
    "Specimen",
    "as_specimen",
    "from_gray",
    "from_mask",
    "keep_load_path",
    "read",
    "tissue_moduli",
]
