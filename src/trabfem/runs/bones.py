"""The bones of a study as images in the place of the scan."""

from pathlib import Path

from trabfem.errors import UserError
from trabfem.specimen.readers import WRITERS

from .files import month_name
from .study import Study


def export_bones(study: Study, folder: Path, suffix: str = ".nii.gz", what: str = "mask") -> list[Path]:
    """Write the bone of each arm at its first and last saved month to `folder`/ARM_month_0060.nii.gz; their paths.

    The images have the voxels of the scan that the study was made of, so that they lie on it in any viewer; of bricks
    that were resampled to cubes, those of the cubes. `what`: "mask", or "fill" for the share of bone in each voxel. Of
    several members the first. **Raises:** `UserError` for a suffix of no kind of image, and for files that exist.
    """
    suffix = suffix if suffix.startswith(".") else f".{suffix}"
    if suffix not in WRITERS:
        raise UserError(f"bones = {suffix}: give one of {', '.join(WRITERS)}")
    paths = {
        folder / f"{arm.slug}_{Path(month_name(month)).stem}{suffix}": (arm, month)
        for arm in study
        for month in sorted({arm.months[0], arm.months[-1]})
    }
    for path in paths:
        if path.exists():
            raise UserError(f"{path} exists and is left as it is: give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path, (arm, month) in paths.items():
        arm.bone(month).save(path, what)
    return list(paths)
