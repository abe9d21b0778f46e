"""Options that several benchmarks take, each with its one line of help."""

from typing import Annotated, Literal

from cyclopts import Parameter

Size = Annotated[int, Parameter(help="Side of the generated block in voxels.")]
Site = Annotated[str, Parameter(help="Kind of bone that is generated.")]
Seed = Annotated[int, Parameter(help="Seed of the generated bone.")]
Volume = Annotated[str | None, Parameter(help="A file, or the name of a shipped specimen, in place of generated bone.")]
Refine = Annotated[int, Parameter(help="Cut each voxel into this many along each axis.")]
Load = Annotated[
    Literal["platens", "uniaxial", "fixed-base", "confined"],
    Parameter(
        help="platens: both end faces held sideways; uniaxial: both free; fixed-base: bottom held; confined: walls too."
    ),
]
Rtol = Annotated[float, Parameter(help="Tolerance on the relative residual.")]
Device = Annotated[Literal["auto", "cpu", "gpu"], Parameter(help="Where trabfem computes.")]
Json = Annotated[bool, Parameter(negative="", help="One JSON object a line in place of the table.")]
