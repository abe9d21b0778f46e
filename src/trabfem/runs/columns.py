"""The columns of the time series, with name, unit and meaning."""

from trabfem.tables import Column

COLUMNS = (
    Column("month", "", "months since month 0, which is the specimen with its initial pits"),
    Column("BV/TV", "", "bone volume over total volume, mean fill of the block"),
    Column("Tb.Th", "mm", "trabecular thickness, volume-weighted mean of the local thickness"),
    Column("Conn.D", "1/mm^3", "connectivity density, loops in the structure per volume"),
    Column("Tb.N", "1/mm", "trabecular number, 1 / (Tb.Th + Tb.Sp)"),
    Column("stiffness", "N/mm", "force over displacement of the plates in the first load case"),
    Column("failure load", "N", "force at which Pistoia's criterion is met"),
    Column("apparent modulus", "MPa", "stiffness over the whole cross-section and height"),
    Column("surface SED", "MPa", "signal that osteocytes sense, mean over the surface"),
    Column("surface SED variation", "", "coefficient of variation of that signal over the surface"),
    Column("iterations", "", "iterations of the month's first solve"),
    Column("residual", "", "true relative residual of that solve, in float64"),
    Column("energy error", "", "estimated relative error of energy, force and stiffness of that solve"),
    Column("removed voxels", "", "voxels removed so far because they were not connected to both plates"),
    Column("lost by thinning", "% of TV", "bone resorbed from surfaces that still exist, less bone formed"),
    Column("lost by perforation", "% of TV", "bone dug by BMUs that went through a strut or plate"),
    Column("lost by disconnection", "% of TV", "bone that lost its connection to the plates"),
    Column("E2", "pg/mL", "oestradiol in blood"),
    Column("RANKL/OPG", "relative to youth", "RANKL/OPG over its value in the balanced state of youth"),
    Column("CTX", "relative to youth", "resorption marker over its value in the balanced state of youth"),
    Column("P1NP", "relative to youth", "formation marker over its value in the balanced state of youth"),
    Column(
        "BMD",
        "relative to solid bone at month 0",
        "mineral of the block over that of solid bone with the mineral of month 0, so it equals BV/TV at month 0",
    ),
)
BY_LABEL = {column.label: column for column in COLUMNS}
COMPARED = {"BV/TV": "BV/TV", "stiffness": "stiffness (N/mm)", "strength": "failure load (N)"}
"""Quantities that every summary compares, and their columns."""


def find_column(label: str) -> Column:
    """Name, unit and meaning of the column with `label`; an unknown label becomes the name."""
    return BY_LABEL.get(label, Column(label))


def find_label(name: str) -> str:
    """The label of the column called `name`: "Tb.Th" is "Tb.Th (mm)"."""
    return next(column.label for column in COLUMNS if column.name == name)
