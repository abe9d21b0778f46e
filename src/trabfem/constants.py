"""Every number taken from the literature, once, with its unit and source.

Units are the program's own (mm, N, MPa, day) unless the unit says otherwise. A trailing _LOW/_HIGH pair is a published
range. "recalled" in a source: the figure is commonly quoted and was not checked against the paper.
"""

from typing import NamedTuple


class Constant(NamedTuple):
    """A number with its unit and where it comes from."""

    value: float
    unit: str
    source: str


# Time -----------------------------------------------------------------------------------------------------------------

DAYS_PER_YEAR = Constant(365.25, "day/year", "Julian year")
DAYS_PER_MONTH = Constant(365.25 / 12, "day/month", "Julian year / 12")

# Tissue mechanics -----------------------------------------------------------------------------------------------------

TISSUE_MODULUS = Constant(6829.0, "MPa", "Pistoia 2002 Bone 30:842; the default of FAIM (Bonelab)")
TISSUE_MODULUS_VERTEBRA = Constant(13500.0, "MPa", "Rho 1997: nanoindentation T12, transverse, dry, SD 2000")
TISSUE_MODULUS_FEMORAL_NECK = Constant(6900.0, "MPa", "Zysset 1999: wet nanoindentation, lowest donor, SD 4300")
TISSUE_MODULUS_FE_LOW = Constant(6800.0, "MPa", "micro-FE convention (recalled)")
TISSUE_MODULUS_FE_HIGH = Constant(10000.0, "MPa", "micro-FE convention (recalled)")
POISSON_RATIO = Constant(0.3, "-", "Zysset 1999; micro-FE convention")
PISTOIA_VOLUME_FRACTION = Constant(0.02, "-", "Pistoia 2002 Bone 30:842: part of the bone that may exceed the strain")
PISTOIA_CRITICAL_STRAIN = Constant(0.007, "-", "Pistoia 2002 Bone 30:842: energy-equivalent strain")

# The mechanical signal ------------------------------------------------------------------------------------------------

LAZY_ZONE_WIDTH = Constant(0.0, "-", "Christen 2014 Nat Commun 5:4855: linear in SED, no lazy zone")
OSTEOCYTE_DECAY_LENGTH = Constant(0.100, "mm", "Mullender/Huiskes/Ruimerman: exp(-d/D) (recalled)")
OSTEOCYTE_DENSITY = Constant(16000.0, "1/mm^3", "Ruimerman 2005 (recalled)")
SED_REFERENCE_LOW = Constant(0.003, "MPa", "Ruimerman; Badilatti (recalled; recalibrate to the initial mean)")
SED_REFERENCE_HIGH = Constant(0.02, "MPa", "Ruimerman; Badilatti (recalled; recalibrate to the initial mean)")
APPARENT_STRESS_VERTEBRA = Constant(0.5, "MPa", "derived: order 1000 N over 12 cm^2, rounded down")
APPARENT_STRESS_HIP = Constant(5.0, "MPa", "Martinez-Reina & Pivonka 2019: hip-type loading")
HOMEOSTATIC_BVTV_LIMIT = Constant(0.05, "-", "Badilatti 2016: change of BV/TV in 10 years, whole vertebra")

# Histology of remodelling ---------------------------------------------------------------------------------------------

WALL_THICKNESS = Constant(0.0497, "mm", "Lips 1978; later iliac series: iliac trabecular, age 51, SD 0.0087")
WALL_THICKNESS_AT_BIRTH = Constant(0.06556, "mm", "Lips 1978; later iliac series: intercept of the line over age")
WALL_THICKNESS_SLOPE = Constant(-0.00014, "mm/year", "Lips 1978; later iliac series: slope of the line over age")
MINERAL_APPOSITION_RATE = Constant(0.00072, "mm/day", "Lips 1978")
MINERAL_APPOSITION_RATE_LOW = Constant(0.00063, "mm/day", "later iliac series, SD 0.00011")
RESORPTION_PERIOD = Constant(40.0, "day", "Liu 2008 Bone 43:292")
FORMATION_PERIOD_LOW = Constant(69.0, "day", "Lips 1978; later iliac series")
FORMATION_PERIOD_HIGH = Constant(100.0, "day", "Lips 1978; later iliac series")
FORMATION_PERIOD_SIMULATION = Constant(160.0, "day", "Liu 2008 Bone 43:292")
EROSION_DEPTH_LOW = Constant(0.040, "mm", "histomorphometry (recalled)")
EROSION_DEPTH_HIGH = Constant(0.060, "mm", "histomorphometry (recalled)")
IMBALANCE_MENOPAUSE_LOW = Constant(0.002, "mm", "per cycle, erosion beyond wall thickness (recalled)")
IMBALANCE_MENOPAUSE_HIGH = Constant(0.004, "mm", "per cycle, erosion beyond wall thickness (recalled)")
ACTIVATION_FREQUENCY_PREMENOPAUSE = Constant(0.13, "1/year", "Recker 2004 JBMR 19:1628")
ACTIVATION_FREQUENCY_1Y = Constant(0.24, "1/year", "Recker 2004 JBMR 19:1628: a year after the last menses")
ACTIVATION_FREQUENCY_13Y = Constant(0.37, "1/year", "Recker 2004 JBMR 19:1628: 13 years after (recalled)")
CAVITY_LENGTH = Constant(0.500, "mm", "histomorphometry (recalled)")
CAVITY_WIDTH = Constant(0.200, "mm", "histomorphometry (recalled)")

# Surface velocities ---------------------------------------------------------------------------------------------------

SURFACE_VELOCITY_PREMENOPAUSE = Constant(0.00054, "mm/month", "derived: Recker 2004 x Lips 1978, each way")
SURFACE_VELOCITY_POSTMENOPAUSE = Constant(0.0010, "mm/month", "derived: Recker 2004 x Lips 1978, each way")
TURNOVER_TRABECULAR_LOW = Constant(0.09, "1/year", "derived: 2 v0 BS/BV with BS/BV 14 to 20 /mm")
TURNOVER_TRABECULAR_HIGH = Constant(0.24, "1/year", "derived: 2 v0 BS/BV with BS/BV 14 to 20 /mm")
BS_BV_LOW = Constant(14.0, "1/mm", "trabecular bone (recalled)")
BS_BV_HIGH = Constant(20.0, "1/mm", "trabecular bone (recalled)")

# Structure of the vertebra --------------------------------------------------------------------------------------------

VERTEBRA_50_BVTV_LOW = Constant(0.12, "-", "Thomsen 2013/15; Chen 2013: women of 50 (recalled)")
VERTEBRA_50_BVTV_HIGH = Constant(0.15, "-", "Thomsen 2013/15; Chen 2013: women of 50 (recalled)")
VERTEBRA_50_TBTH_LOW = Constant(0.13, "mm", "Thomsen 2013/15; Chen 2013: women of 50, kept with age (recalled)")
VERTEBRA_50_TBTH_HIGH = Constant(0.15, "mm", "Thomsen 2013/15; Chen 2013: women of 50, kept with age (recalled)")
VERTEBRA_50_TBSP = Constant(0.7, "mm", "Thomsen 2013/15; Chen 2013: women of 50 (recalled)")
VERTEBRA_50_TBN = Constant(1.3, "1/mm", "Thomsen 2013/15; Chen 2013: women of 50 (recalled)")
VERTEBRA_80_BVTV = Constant(0.08, "-", "Thomsen 2013/15; Chen 2013: women of 80 (recalled)")
VERTEBRA_80_TBSP_LOW = Constant(0.9, "mm", "Thomsen 2013/15; Chen 2013: women of 80 (recalled)")
VERTEBRA_80_TBSP_HIGH = Constant(1.0, "mm", "Thomsen 2013/15; Chen 2013: women of 80 (recalled)")
VERTEBRA_80_TBN = Constant(1.0, "1/mm", "Thomsen 2013/15; Chen 2013: women of 80 (recalled)")
