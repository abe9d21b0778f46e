"""The agents by name with their standard dose: what a schedule may say. No JAX here, schedules are read without it."""

from dataclasses import dataclass

from trabfem import constants


@dataclass(frozen=True)
class Product:
    """One agent as prescribed: its standard dose, the unit, and the months between doses (0: taken daily)."""

    name: str
    dose: float
    unit: str
    every: float = 0.0
    weekly_doses: tuple[float, ...] = ()


PRODUCTS = (
    Product("estrogen", 1.0, "mg"),
    Product("estrogen_low", 14.0, "ug"),
    Product("progestin", 2.5, "mg"),
    Product("testosterone", 50.0, "mg"),
    Product("testosterone_female_lowdose", 300.0, "ug"),
    Product("anastrozole", 1.0, "mg"),
    Product("gonadorelin", 1.0, "x"),
    Product("raloxifene", 60.0, "mg"),
    Product("alendronate", 10.0, "mg", weekly_doses=(35.0, 70.0)),
    Product("alendronate_low", 5.0, "mg", weekly_doses=(35.0,)),
    Product("zoledronate", 5.0, "mg", every=12.0),
    Product("denosumab", 60.0, "mg", every=6.0),
    Product("romosozumab", 210.0, "mg", every=1.0),
    Product("teriparatide", 20.0, "ug"),
    Product("gnrh_agonist", 3.75, "mg"),
    Product("flutamide", 750.0, "mg"),
    Product("finasteride", 5.0, "mg"),
)
BY_NAME = {product.name: product for product in PRODUCTS}
NAMES = tuple(BY_NAME)
INDEX = {name: number for number, name in enumerate(NAMES)}

CONJUGATED_ESTROGEN_MG = (0.3, 0.45, 0.625, 0.9, 1.25)
STANDARD_CONJUGATED_MG = 0.625
STANDARD_PATCH_UG = 50.0
MICROGRAMS = {"mg": 1000.0, "ug": 1.0}


def relative_dose(product: Product, amount: float, unit: str, period_days: float | None) -> float:
    """`amount` of `product` as a multiple of its standard dose, per day for what is taken daily.

    A figure in mg of oestrogen is oral oestradiol, except the strengths that conjugated oestrogens come in; µg of
    oestrogen is a patch. A figure that is only sold as a weekly tablet counts as weekly where no period is given.
    """
    if unit == "x":
        return amount
    if unit == "%":
        return amount / 100.0
    if product.unit not in MICROGRAMS:
        raise ValueError(f"{product.name} takes a multiple of the standard dose: write for example 0.5x or 50%")
    if period_days is None and amount in product.weekly_doses and unit == "mg":
        period_days = constants.DAYS_PER_WEEK.value
    standard = product.dose * MICROGRAMS[product.unit]
    if product.name == "estrogen" and unit == "mg" and amount in CONJUGATED_ESTROGEN_MG:
        standard = STANDARD_CONJUGATED_MG * MICROGRAMS["mg"]
    if product.name == "estrogen" and unit == "ug":
        standard = STANDARD_PATCH_UG
    relative = amount * MICROGRAMS[unit] / standard
    return relative if product.every or period_days is None else relative / period_days
