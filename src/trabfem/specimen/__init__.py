"""What the bone is: voxels, spacing, shape measures, readers and synthetic volumes."""

from trabfem.specimen.voxels import Specimen, from_gray, from_mask, keep_load_path

__all__ = ["Specimen", "from_gray", "from_mask", "keep_load_path"]
