"""Fields on a voxel grid as VTK image data (`.vti`), which ParaView and 3-D Slicer open.

Written with numpy and zlib alone, so it works where VTK does not. VTK orders values with x fastest and calls the
corner of the first voxel the origin; our arrays are (x, y, z) and (x, y, z, component).
"""

import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np

BLOCK_BYTES = 1 << 20
LEVEL = 1  # zlib: level 6 is 3 % smaller and four times slower on such fields
VTK_TYPES = {"u1": "UInt8", "i2": "Int16", "u2": "UInt16", "i4": "Int32", "f4": "Float32", "f8": "Float64"}
Triple = tuple[float, float, float]


def write(
    path: Path,
    shape: tuple[int, int, int],
    spacing: Triple,
    origin: Triple = (0.0, 0.0, 0.0),
    *,
    direction: Sequence[Sequence[float]] = ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    cells: Mapping[str, np.ndarray] | None = None,
    corners: Mapping[str, np.ndarray] | None = None,
    components: Mapping[str, Sequence[str]] | None = None,
    units: Mapping[str, str] | None = None,
) -> Path:
    """Write arrays of uint8, float32 or float64 on a grid of `shape` voxels, compressed.

    - `cells`: values of the voxels, (x, y, z) or (x, y, z, component)
    - `corners`: values at the corners of the voxels, one more along each axis
    - `components`: names of the components of an array
    - `units`: of arrays, kept where VTK keeps units (the key UNITS_LABEL); blank or absent: none is written
    - `spacing`, `origin`: in mm; the origin is the outer corner of the first voxel
    - `direction`: rows of a matrix whose columns are the axes of the voxels
    """
    blocks: list[bytes] = []
    points, values = (_entries(arrays or {}, components or {}, units or {}, blocks) for arrays in (corners, cells))
    extent = " ".join(f"0 {n}" for n in shape)
    turned = [value for row in direction for value in row]
    place, edges, axes = (" ".join(f"{value:.17g}" for value in each) for each in (origin, spacing, turned))
    head = (
        '<?xml version="1.0"?>\n'
        '<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64" '
        'compressor="vtkZLibDataCompressor">\n'
        f'  <ImageData WholeExtent="{extent}" Origin="{place}" Spacing="{edges}" Direction="{axes}">\n'
        f'    <Piece Extent="{extent}">\n      <PointData>\n{points}      </PointData>\n'
        f"      <CellData>\n{values}      </CellData>\n"
        '    </Piece>\n  </ImageData>\n  <AppendedData encoding="raw">\n_'
    )
    return replace_file(path, head.encode() + b"".join(blocks) + b"\n  </AppendedData>\n</VTKFile>\n")


def _entries(
    arrays: Mapping[str, np.ndarray],
    components: Mapping[str, Sequence[str]],
    units: Mapping[str, str],
    blocks: list[bytes],
) -> str:
    """The XML that announces `arrays`, whose bytes are appended to `blocks`."""
    entries = ""
    for name, values in arrays.items():
        names = components.get(name, ())
        labels = "".join(f" ComponentName{k}={quoteattr(label)}" for k, label in enumerate(names))
        count = values.shape[3] if values.ndim == 4 else 1
        unit = units.get(name, "")
        key = f'<InformationKey name="UNITS_LABEL" location="vtkDataArray">{escape(unit)}</InformationKey>'
        entries += (
            f'        <DataArray type="{VTK_TYPES[values.dtype.str[1:]]}" Name={quoteattr(name)} '
            f'NumberOfComponents="{count}"{labels} format="appended" offset="{sum(map(len, blocks))}"'
            + (f">{key}</DataArray>\n" if unit else "/>\n")
        )
        # Components of a place lie together, and x runs fastest over the places.
        blocks.append(compress(np.moveaxis(values, (0, 1, 2), (2, 1, 0)).tobytes()))
    return entries


def compress(raw: bytes) -> bytes:
    """`raw` as VTK's zlib stream: number of blocks, block size, size of the last if shorter, sizes, the blocks."""
    pieces = [raw[start : start + BLOCK_BYTES] for start in range(0, len(raw), BLOCK_BYTES)]
    packed = [zlib.compress(piece, LEVEL) for piece in pieces]
    header = np.array([len(packed), BLOCK_BYTES, len(raw) % BLOCK_BYTES, *map(len, packed)], dtype="<u8")
    return header.tobytes() + b"".join(packed)


def replace_file(path: Path, content: bytes) -> Path:
    """Write `path` so that a reader sees the old file or the new one, never half of it."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    os.replace(temporary, path)
    return path
