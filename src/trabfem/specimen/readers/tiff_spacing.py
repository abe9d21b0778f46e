"""Voxel edges from what ImageJ and OME write into TIFF files."""

import re
from typing import Any

from trabfem.specimen.readers.raw import Triple

UNITS = {
    "mm": 1.0,
    "millimeter": 1.0,
    "millimetre": 1.0,
    "cm": 10.0,
    "m": 1e3,
    "um": 1e-3,
    "micron": 1e-3,
    "microns": 1e-3,
    "micrometer": 1e-3,
    "micrometre": 1e-3,
    "\u03bcm": 1e-3,
    "\\u00b5m": 1e-3,
    "\\u03bcm": 1e-3,
    "nm": 1e-6,
    "inch": 25.4,
    "in": 25.4,
}
"""Millimetres, by the name of the unit with case folded, which also makes the micro sign a Greek letter."""


def find_spacing(file: Any, number: int) -> Triple | None:
    """Voxel edges in mm of a series from the metadata of ImageJ or OME."""
    if file.is_imagej:
        return _imagej_spacing(file)
    return _ome_spacing(file.ome_metadata or "", number) if file.is_ome else None


def unit_in_mm(name: object) -> float | None:
    """Millimetres in a unit of length; None where it is none, such as "pixel"."""
    return UNITS.get(str(name).strip().strip('"').casefold())


def _imagej_spacing(file: Any) -> Triple | None:
    """Spacing of an ImageJ stack: pages `spacing` apart, pixels 1/resolution, both in `unit`."""
    info = file.imagej_metadata or {}
    factor = unit_in_mm(info.get("unit", ""))
    tags = file.pages[0].tags
    if factor is None or "spacing" not in info or "XResolution" not in tags or "YResolution" not in tags:
        return None
    (a, b), (c, d) = (tags[tag].value for tag in ("XResolution", "YResolution"))
    if min(a, b, c, d) <= 0:
        return None
    # ImageJ writes a negative distance for stacks in reverse order.
    return (b / a * factor, d / c * factor, abs(float(info["spacing"])) * factor)


def _ome_spacing(metadata: str, number: int) -> Triple | None:
    """PhysicalSizeX, Y and Z of OME-XML, in micrometres where there is no unit."""
    pixels = re.findall(r"<(?:\w+:)?Pixels\b([^>]*)>", metadata)
    text = pixels[number] if number < len(pixels) else "".join(pixels[:1])
    attributes = dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', text))
    edges = []
    for axis in "XYZ":
        unit = (
            attributes.get(f"PhysicalSize{axis}Unit", "\u00b5m").replace("&#181;", "\u00b5").replace("&#956;", "\u03bc")
        )
        factor = unit_in_mm(unit)
        value = attributes.get(f"PhysicalSize{axis}")
        if factor is None or value is None:
            return None
        edges.append(float(value) * factor)
    return (edges[0], edges[1], edges[2])
