"""What a run's table holds: every column with name, unit and meaning."""

from trabfem.tables import Column

COLUMNS = (
    Column("month", "", "months since month 0, the specimen with its first pits"),
    Column("BV/TV", "", "bone volume over total volume, mean fill of the block"),
    Column("Tb.Th", "mm", "trabecular thickness, volume-weighted mean of the local thickness"),
    Column("Conn.D", "1/mm^3", "connectivity density, loops in the structure per volume"),
    Column("Tb.N", "1/mm", "trabecular number, 1 / (Tb.Th + Tb.Sp)"),
    Column("stiffness", "N/mm", "force over travel of the plates in the first load case"),
    Column("failure load", "N", "force at which Pistoia's criterion is met"),
    Column("apparent modulus", "MPa", "stiffness over the whole cross-section and height"),
    Column("surface SED", "MPa", "mean over the surface of what osteocytes sense"),
    Column("surface SED variation", "", "its coefficient of variation over the surface"),
    Column("iterations", "", "iterations of the month's first solve"),
    Column("residual", "", "its true relative residual, in float64"),
    Column("energy error", "", "its estimated relative error of energy, force and stiffness"),
    Column("removed voxels", "", "voxels taken away so far because no load reached them"),
    Column("lost by thinning", "% of TV", "bone that left from surfaces that are still there, less what was laid down"),
    Column("lost by perforation", "% of TV", "bone dug by BMUs that went through a strut or plate"),
    Column("lost by disconnection", "% of TV", "bone cut loose from the load path"),
    Column("E2", "pg/mL", "oestradiol in blood"),
    Column("RANKL/OPG", "", "ratio over its value in youth"),
    Column("CTX", "", "resorption marker over its value in youth"),
    Column("P1NP", "", "formation marker over its value in youth"),
    Column("BMD", "", "mineral of the block over that of solid bone with the mineral of month 0; BV/TV at month 0"),
)
BY_LABEL = {column.label: column for column in COLUMNS}
COMPARED = {"BV/TV": "BV/TV", "stiffness": "stiffness (N/mm)", "strength": "failure load (N)"}
"""What every summary compares, and its column."""


def column_of(label: str) -> Column:
    """Name, unit and meaning of the column with `label`; a column that is not known has its label for a name."""
    return BY_LABEL.get(label, Column(label))
