"""Time series for ParaView: one `.vti` per step and a `.pvd` per arm that gives their times in years.

Written with numpy and zlib alone, so it works where VTK does not. VTK orders values with x fastest and calls the
corner of the first voxel the origin; our arrays are (x, y, z), so they are written in Fortran order.
"""

import os
import zlib
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from trabfem.render.run import MONTHS_PER_YEAR, Arm, Run, Step, read_run, read_step

BLOCK_BYTES = 1 << 20
LEVEL = 1  # zlib: level 6 is 3 % smaller and four times slower on these fields
VTK_TYPES = {"u1": "UInt8", "f4": "Float32"}


def export(run_dir: Path | str | Run, every: int = 1) -> list[Path]:
    """Write `paraview/<slug>.pvd` and `paraview/<slug>/month_XXXX.vti` for each arm; returns the `.pvd` paths.

    Times in the `.pvd` are years. Cell data: `fill` (0..1) and `sed` (MPa, per volume of the voxel). `every`: use each
    n-th step and the last. `UserError` where the folder is no run.
    """
    run = read_run(run_dir)
    return [export_arm(run, arm, every) for arm in run.arms]


def chosen(count: int, every: int) -> list[int]:
    """Places 0, every, 2 every, ... below `count`, and the last."""
    return sorted({*range(0, count, max(1, every)), count - 1})


def export_arm(run: Run, arm: Arm, every: int) -> Path:
    """Write one arm's steps and the collection that lists them."""
    folder = run.folder / "paraview"
    (folder / arm.slug).mkdir(parents=True, exist_ok=True)
    lines = []
    for index in chosen(len(arm.files), every):
        step = read_step(arm.files[index], run.shape)
        path = folder / arm.slug / f"{arm.files[index].stem}.vti"
        write_image(path, step, run.spacing)
        name = quoteattr(f"{arm.slug}/{path.name}")
        lines.append(f'    <DataSet timestep="{step.month / MONTHS_PER_YEAR:.6g}" part="0" file={name}/>\n')
    header = '<?xml version="1.0"?>\n<!-- years -->\n<VTKFile type="Collection" version="1.0">\n  <Collection>\n'
    text = header + "".join(lines) + "  </Collection>\n</VTKFile>\n"
    return replace_file(folder / f"{arm.slug}.pvd", text.encode())


def write_image(path: Path, step: Step, spacing: tuple[float, float, float]) -> Path:
    """Write the fill and energy density of a step as VTK image data, compressed, corner at the origin."""
    arrays = {"fill": step.fill.astype("<f4"), "sed": step.sed.astype("<f4")}
    entries, blocks, offset = "", [], 0
    for name, values in arrays.items():
        block = compressed(values.tobytes(order="F"))
        kind = VTK_TYPES[values.dtype.str[1:]]
        entries += f'        <DataArray type="{kind}" Name="{name}" format="appended" offset="{offset}"/>\n'
        blocks.append(block)
        offset += len(block)
    nx, ny, nz = step.fill.shape
    extent = f"0 {nx} 0 {ny} 0 {nz}"
    edges = " ".join(f"{h:.9g}" for h in spacing)
    head = (
        '<?xml version="1.0"?>\n'
        '<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64" '
        'compressor="vtkZLibDataCompressor">\n'
        f'  <ImageData WholeExtent="{extent}" Origin="0 0 0" Spacing="{edges}">\n'
        f'    <Piece Extent="{extent}">\n      <PointData/>\n      <CellData Scalars="fill">\n{entries}'
        '      </CellData>\n    </Piece>\n  </ImageData>\n  <AppendedData encoding="raw">\n_'
    )
    return replace_file(path, head.encode() + b"".join(blocks) + b"\n  </AppendedData>\n</VTKFile>\n")


def compressed(raw: bytes) -> bytes:
    """`raw` as VTK's zlib stream: number of blocks, block size, size of the last if shorter, sizes, the blocks."""
    pieces = [raw[start : start + BLOCK_BYTES] for start in range(0, len(raw), BLOCK_BYTES)]
    packed = [zlib.compress(piece, LEVEL) for piece in pieces]
    rest = len(raw) % BLOCK_BYTES
    header = np.array([len(packed), BLOCK_BYTES, rest, *map(len, packed)], dtype="<u8")
    return header.tobytes() + b"".join(packed)


def replace_file(path: Path, content: bytes) -> Path:
    """Write `path` so that a reader sees the old file or the new one, never half of it."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    os.replace(temporary, path)
    return path
