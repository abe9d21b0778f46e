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
TISSUE_YIELD_TENSION = Constant(0.0041, "-", "Bayraktar 2004 J Biomech 37:27: femoral trabecular tissue (recalled)")
TISSUE_YIELD_COMPRESSION = Constant(0.0083, "-", "Bayraktar 2004 J Biomech 37:27 (recalled)")
TISSUE_POST_YIELD = Constant(0.05, "-", "Niebur 2000 J Biomech 33:1575: tangent beyond yield over modulus (recalled)")
XTREMECT1_MODULUS = Constant(
    6829.0, "MPa", "MacNeil & Boyd 2008 Bone 42:1203 (recalled); profile XtremeCTI of parosol-py, default of FAIM"
)
XTREMECT2_MODULUS = Constant(
    8748.0, "MPa", "Whittier 2018 J Biomech 80:63 (recalled); profile XtremeCTII of parosol-py"
)

# Modulus from density, E = A rho^B -----------------------------------------------------------------------------------

ASH_PER_MINERAL = Constant(0.877, "-", "Schileo 2008 J Biomech 41:2483: ash over HA-equivalent density (recalled)")
ASH_AT_NO_MINERAL = Constant(0.079, "g/cm^3", "Schileo 2008 J Biomech 41:2483: intercept (recalled)")
ASH_PER_APPARENT = Constant(0.6, "-", "Schileo 2008 J Biomech 41:2483: ash over apparent density (recalled)")
MORGAN_VERTEBRA_A = Constant(4730.0, "MPa", "Morgan 2003 J Biomech 36:897: vertebra, n = 61 (recalled)")
MORGAN_VERTEBRA_B = Constant(1.56, "-", "Morgan 2003 J Biomech 36:897: vertebra, n = 61 (recalled)")
MORGAN_TIBIA_A = Constant(15520.0, "MPa", "Morgan 2003 J Biomech 36:897: proximal tibia, n = 31 (recalled)")
MORGAN_TIBIA_B = Constant(1.93, "-", "Morgan 2003 J Biomech 36:897: proximal tibia, n = 31 (recalled)")
MORGAN_TROCHANTER_A = Constant(15010.0, "MPa", "Morgan 2003 J Biomech 36:897: greater trochanter, n = 23 (recalled)")
MORGAN_TROCHANTER_B = Constant(2.18, "-", "Morgan 2003 J Biomech 36:897: greater trochanter; the largest exponent")
MORGAN_FEMORAL_NECK_A = Constant(6850.0, "MPa", "Morgan 2003 J Biomech 36:897: femoral neck, n = 27 (recalled)")
MORGAN_FEMORAL_NECK_B = Constant(1.49, "-", "Morgan 2003 J Biomech 36:897: femoral neck; the least exponent")
MORGAN_POOLED_A = Constant(8920.0, "MPa", "Morgan 2003 J Biomech 36:897: four sites together, n = 142 (recalled)")
MORGAN_POOLED_B = Constant(1.83, "-", "Morgan 2003 J Biomech 36:897: four sites together, n = 142 (recalled)")
KELLER_POOLED_A = Constant(10500.0, "MPa", "Keller 1994 J Biomech 27:1159: spine and femur together (recalled)")
KELLER_POOLED_B = Constant(2.29, "-", "Keller 1994 J Biomech 27:1159: spine and femur together (recalled)")

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

# Calendar of the clinic -----------------------------------------------------------------------------------------------

DAYS_PER_WEEK = Constant(7.0, "day", "definition")
MONTHS_PER_YEAR = Constant(12.0, "month/year", "definition")

# Hormones -------------------------------------------------------------------------------------------------------------

MENOPAUSE_AGE = Constant(51.0, "year", "median age at the natural final period (recalled)")
PERIMENOPAUSE_LEAD = Constant(10.0, "year", "Randolph 2011 JCEM (SWAN): nothing moves earlier than 6.1 y before")
LATEST_BALANCED_AGE = Constant(40.0, "year", "chosen: a life is followed from here or earlier")
YOUNG_ADULT_AGE = Constant(25.0, "year", "chosen: peak bone mass of men, start of their followed life")
REFERENCE_AGE_MEN = Constant(30.0, "year", "Khosla 2005: centre of the young group of 20 to 39 y")
E2_PREMENOPAUSE = Constant(100.0, "pg/mL", "cycle mean, BoneEstrogenHPA")
E2_POSTMENOPAUSE = Constant(7.0, "pg/mL", "BoneEstrogenHPA: just after menopause, 26 pmol/L")
E2_POSTMENOPAUSE_AT_70 = Constant(4.8, "pg/mL", "Ettinger 2004 (ULTRA baseline): median of women of 60 to 80 y")
E2_LATE_AGE = Constant(70.0, "year", "Ettinger 2004: middle of the age range")
E2_EARLY_AGE = Constant(52.0, "year", "chosen: the age of the early postmenopausal value")
E2_DECLINE_WIDTH = Constant(0.55, "year", "Randolph 2011 (SWAN): falls from -2.0 to +2.2 y, logistic of that width")
E2_LOWEST = Constant(0.3, "pg/mL", "lower limit of mass-spectrometric assays (recalled)")
T_WOMEN_PREMENOPAUSE = Constant(30.0, "ng/dL", "total (recalled)")
T_WOMEN_POSTMENOPAUSE = Constant(20.0, "ng/dL", "total (recalled)")
T_WOMEN_OOPHORECTOMY = Constant(12.0, "ng/dL", "total, range 10 to 15 (recalled)")
OVARY_DRIVE_HYPOGONADAL = Constant(0.15, "-", "chosen: hypothalamic amenorrhoea leaves about this part of ovarian E2")
HYPOGONADAL_YEARS = Constant(5.0, "year", "chosen: how long before month 0 hypogonadism began")
T_MEN_AT_19 = Constant(444.0, "ng/dL", "Kelsey 2014 PLoS ONE: 15.4 nmol/L")
T_MEN_AT_40 = Constant(375.0, "ng/dL", "Kelsey 2014 PLoS ONE: 13.0 nmol/L")
T_MEN_AT_70 = Constant(319.0, "ng/dL", "Burnett-Bowie 2009: older men before treatment")
SHBG_SLOPE = Constant(0.00104, "1/year^1.7", "fitted by hand to Khosla 2005: bioavailable T -26 % and -60 %")
SHBG_POWER = Constant(1.7, "-", "fitted by hand to Khosla 2005")
SHBG_E2_AFFINITY = Constant(0.45, "-", "fitted by hand to Khosla 2005: E2 binds SHBG less than T does")
AROMATASE_AGE_SLOPE = Constant(0.004, "1/year", "fitted by hand to Khosla 2005: bioavailable E2 -9 % and -38 %")
AROMATISATION = Constant(0.05, "pg/mL per ng/dL", "E2 per total T; derived from Burnett-Bowie, Leder, T-Trials")
E2_ADRENAL_MEN = Constant(3.0, "pg/mL", "derived with AROMATISATION")
LH_GAIN_E2 = Constant(3.0, "-", "derived: T x1.5 under anastrozole (Burnett-Bowie 2009), suppressed on T (T-Trials)")
LH_GAIN_T = Constant(1.0, "-", "derived with LH_GAIN_E2")
LH_CEILING = Constant(2.5, "-", "chosen: the most that the testis gives of its usual output")
FSH_RISE_CENTRE = Constant(-0.5, "year", "Randolph 2011 (SWAN): rises faster from -2.05 y, stable at +2.0 y")
FSH_RISE_WIDTH = Constant(0.6, "year", "derived with FSH_RISE_CENTRE")
FSH_SURGICAL_RISE = Constant(0.2, "year", "PMID 8530651, Hum Reprod 1995 10:2277: still rising at 3 months")
FSH_DECLINE = Constant(0.02, "1/year", "Rannevik 1995 Maturitas 21:103: slow fall from 2-3 y on (recalled)")
FSH_PEAK = Constant(2.0, "year", "Randolph 2011 (SWAN): stable from then")
FSH_HALF_ESTRADIOL = Constant(25.0, "pg/mL", "standard oestrogen therapy halves a raised FSH (recalled)")
LEYDIG_RATE = Constant(10.0, "1/year", "chosen: testicular output follows LH within about 5 weeks")
PITUITARY_HYPOGONADAL = Constant(0.22, "-", "chosen: T near 160 ng/dL in central hypogonadism")
DHT_SHARE = Constant(0.15, "-", "chosen: part of the androgen signal that needs 5-alpha-reduction")
ANDROGEN_HALF = Constant(200.0, "ng/dL", "Finkelstein 2016 JCI PMC4767351: T of half the signal, from the threshold")

# Bisphosphonate in bone (the rest of an agent stands with it in biology/agents) --------------------------------------

BISPHOSPHONATE_DESORPTION = Constant(0.4, "1/year", "Khan 1997 JBMR 12:1700: 17 % out by 6 mo, some loosely held")
BISPHOSPHONATE_RECYCLED = Constant(
    0.5, "-", "Clin Pharmacokinet 36:315: skeletal fraction of what is in blood, 0.4-0.6"
)

# Structure of the sites of the synthetic specimens --------------------------------------------------------------------

SITE_VERTEBRA_BVTV = Constant(0.135, "-", "middle of VERTEBRA_50_BVTV: Thomsen 2013/15; Chen 2013 (recalled)")
SITE_VERTEBRA_TBTH = Constant(0.14, "mm", "middle of VERTEBRA_50_TBTH: Thomsen 2013/15; Chen 2013 (recalled)")
SITE_VERTEBRA_TBSP = Constant(0.70, "mm", "VERTEBRA_50_TBSP: Thomsen 2013/15; Chen 2013 (recalled)")
SITE_VERTEBRA_DA = Constant(1.48, "-", "Slyfield 2012 (PMC3352993) table 1: human vertebra, SD 0.12, n = 9")
SITE_VERTEBRA_AGED_BVTV = Constant(0.0675, "-", "Slyfield 2012 (PMC3352993) table 1: human vertebra, SD 0.0245, n = 9")
SITE_VERTEBRA_AGED_TBTH = Constant(0.132, "mm", "Slyfield 2012 (PMC3352993) table 1: human vertebra, SD 0.022, n = 9")
SITE_VERTEBRA_AGED_TBSP = Constant(1.02, "mm", "Slyfield 2012 (PMC3352993) table 1: human vertebra, SD 0.217, n = 9")
SITE_VERTEBRA_AGED_DA = Constant(1.48, "-", "Slyfield 2012 (PMC3352993) table 1: human vertebra, SD 0.12, n = 9")
SITE_ILIAC_CREST_BVTV = Constant(0.154, "-", "Rubin 2010 (PMC2818211) abstract: cadaver controls, SD 0.04")
SITE_ILIAC_CREST_TBTH = Constant(0.17, "mm", "Rubin 2010 (PMC2818211) abstract: matched controls, SD 0.04, n = 25")
SITE_ILIAC_CREST_TBSP = Constant(0.781, "mm", "Rubin 2010 (PMC2818211) abstract: cadaver controls, SD 0.13")
SITE_ILIAC_CREST_DA = Constant(1.35, "-", "Hildebrand 1999 JBMR 14:1167 (recalled)")
SITE_FEMORAL_HEAD_BVTV = Constant(0.26, "-", "Hildebrand 1999 JBMR 14:1167 (recalled)")
SITE_FEMORAL_HEAD_TBTH = Constant(0.19, "mm", "Hildebrand 1999 JBMR 14:1167 (recalled)")
SITE_FEMORAL_HEAD_TBSP = Constant(0.62, "mm", "Hildebrand 1999 JBMR 14:1167 (recalled)")
SITE_FEMORAL_HEAD_DA = Constant(1.8, "-", "Hildebrand 1999 JBMR 14:1167 (recalled)")

# Cells: priors of what the calibration fits ---------------------------------------------------------------------------


class Prior(NamedTuple):
    """A positive number that is fitted: median, unit, source, and the standard deviation of its logarithm."""

    value: float
    unit: str
    source: str
    spread: float


CELLS = {
    # Oestrogen receptor and what it rules
    "e2_half": Prior(9.0, "pg/mL", "first 0-D fit; threshold near 11 pg/mL, Khosla 2001 JCEM 86:3555", 0.25),
    "serm_efficacy": Prior(0.6, "-", "partial agonist; first 0-D fit", 0.2),
    "rankl_gain": Prior(1.7, "-", "RANKL per cell x2-3 after menopause, Eghbali-Fatourechi 2003 JCI 111:1221", 0.25),
    "opg_gain": Prior(0.3, "-", "OPG rises with E2 (direction)", 0.5),
    "fsh_gain": Prior(0.25, "-", "FSH drives osteoclasts, Sun 2006 Cell 125:247; loss precedes the E2 fall, SWAN", 0.6),
    "lifespan_gain": Prior(0.4, "-", "E2 loss lengthens osteoclast life; first 0-D fit", 0.4),
    "osteoblast_gain": Prior(0.12, "-", "erosion exceeds wall thickness by 2-4 of 50 um per cycle (recalled)", 0.5),
    # RANK, precursors, osteoclasts
    "receptor_reserve": Prior(3.0, "-", "first 0-D fit: activation at most 4 times the homeostatic", 0.3),
    "receptor_power": Prior(1.2, "-", "RANK signals as a trimer: more than one ligand a signal", 0.3),
    "activation_floor": Prior(0.06, "-", "resorption that anti-RANKL leaves: CTX -86 % (FREEDOM)", 0.5),
    "precursor_death": Prior(0.5, "1/year", "first 0-D fit 0.35; life of a stored osteomorph unknown", 0.8),
    "precursor_use": Prior(0.45, "1/year", "first 0-D fit 0.32", 0.8),
    "osteoclast_rate": Prior(26.0, "1/year", "active life of about 2 weeks; first 0-D fit", 0.25),
    # Osteoblasts and coupling
    "coupling_delay": Prior(0.11, "year", "resorption 40 d, Liu 2008 Bone 43:292; first 0-D fit", 0.3),
    "formation_delay": Prior(0.16, "year", "reversal and half of a formation period of 69-160 d", 0.35),
    "coupling_power": Prior(0.9, "-", "first 0-D fit 0.73 without basal modelling", 0.12),
    "basal_modelling": Prior(0.06, "-", "modelling persists at low turnover, Dempster 2018 (recalled)", 0.5),
    "ageing": Prior(0.0024, "1/year", "wall thickness -0.14 of 58 um per year, Lips 1978", 0.4),
    # Load and sclerostin
    "sclerostin_power": Prior(1.5, "-", "strain energy falls about as mass^-2; sclerostin follows", 0.4),
    "wnt_half": Prior(0.8, "-", "competitive binding at LRP5/6", 0.4),
    "wnt_formation": Prior(0.6, "-", "exponent of formation", 0.5),
    "wnt_rankl": Prior(0.8, "-", "exponent of RANKL/OPG; first 0-D fit: resorption -35 % on romosozumab", 0.5),
    "antagonist_power": Prior(2.0, "-", "SOST and DKK1 rise under anti-sclerostin, Holdsworth 2018 Bone 107:93", 0.5),
    "antagonist_rate": Prior(4.0, "1/year", "over about three months", 0.5),
    "lining_output": Prior(1.2, "-", "modelling-based formation at full binding; first 0-D fit 1.5", 0.5),
    "lining_use": Prior(6.0, "1/year", "P1NP wanes within 6-9 months (FRAME)", 0.5),
    "lining_return": Prior(0.7, "1/year", "second course works after about a year off", 0.5),
    # Drugs
    "denosumab_vmax": Prior(34.3, "ng/mL/day", "Martinez-Reina & Pivonka 2019: 2672 ng/kg/d over 77.9 mL/kg", 0.25),
    "denosumab_half": Prior(100.0, "ng/mL", "CTX still -72 % before the next dose (FREEDOM)", 1.0),
    "romosozumab_half": Prior(2.0, "ug/mL", "effect through most of a month", 0.6),
    "alendronate_uptake": Prior(2.5, "1/year", "half-effect units: CTX about -60 % within 3 to 6 months", 0.6),
    "zoledronate_uptake": Prior(4.0, "-", "half-effect units an infusion: one keeps turnover down a year", 0.6),
    "bisphosphonate_kill": Prior(2.5, "-", "first 0-D fit 2.0", 0.4),
    "burial": Prior(0.6, "1/year", "surface is covered at two to three times Ac.f", 0.5),
    "release": Prior(0.15, "1/year", "skeletal half-life of about ten years, Khan 1997", 0.4),
    "progestin_gain": Prior(0.05, "-", "adds about 0.7 %/year at the spine", 0.5),
    "pth_activation": Prior(0.8, "-", "resorption +60 to 100 %, McClung 2005 Arch Intern Med 165:1762 (recalled)", 0.4),
    "pth_formation": Prior(0.6, "-", "formation above resorption in each unit", 0.4),
    "pth_pores": Prior(0.02, "-", "cortical porosity opened by PTH, Burr 2001 JBMR 16:157 (direction)", 0.6),
    "pth_cortex": Prior(0.4, "-", "share of the anabolic effect that reaches cortex", 0.5),
    "androgen_gain": Prior(0.3, "-", "androgen receptor on osteoblasts; direction", 0.5),
    # Bone
    "turnover_trabecular": Prior(0.18, "1/year", "surface budget times BS/BV: 9 to 24 %/year", 0.4),
    "turnover_cortical": Prior(0.03, "1/year", "cortical turnover of 2 to 4 %/year (recalled)", 0.5),
    "mineral_rate": Prior(0.4, "1/year", "secondary mineralisation over two to three years", 0.4),
    "mineral_deficit": Prior(0.25, "-", "young bone against old: primary phase 70 to 75 % (recalled)", 0.25),
    "spine_trabecular": Prior(0.68, "-", "trabecular part of spine DXA, 66 to 75 % (recalled)", 0.1),
    "spine_degeneration": Prior(0.002, "1/year", "osteophytes in spine DXA, Rand 1997 Calcif Tissue Int 60:430", 0.6),
    "hip_trabecular": Prior(0.4, "-", "trabecular part of total-hip DXA (recalled)", 0.25),
    "neck_trabecular": Prior(0.4, "-", "trabecular part of femoral-neck DXA (recalled)", 0.2),
    "body_trabecular": Prior(0.18, "-", "trabecular part of the skeleton, 20 % (recalled)", 0.3),
    "ctx_power": Prior(1.0, "-", "CTX against resorption; Jorg 2022 eLife 76228 has 1.16", 0.15),
    "p1np_power": Prior(1.1, "-", "P1NP against formation; Jorg 2022 has 1.45", 0.15),
    "lining_marker": Prior(1.0, "-", "P1NP of modelling against remodelling", 0.5),
}

AGEING_ONSET = Constant(55.0, "year", "chosen: formation per unit declines from here; balance before 40 is kept")
AGEING_WIDTH = Constant(3.0, "year", "chosen: how gradually that begins")
MODELLING_DELAY = Constant(0.05, "year", "chosen: lining cells become osteoblasts within 2 to 3 weeks")
PTH_RECRUITMENT = Constant(0.25, "year", "CTX lags P1NP by 3 to 6 months on teriparatide, McClung 2005 (recalled)")
TURNOVER_MEN = Constant(1.2, "-", "markers of men against premenopausal women, Michelsen 2013 Bone 57:399 (recalled)")
SURFACE_POWER = Constant(-0.5, "-", "surface per volume rises as bone is lost, Martin 1984 Crit Rev Biomed Eng 10:179")
DEGENERATION_ONSET = Constant(55.0, "year", "chosen: osteophytes and calcified vessels begin to add to spine DXA")
DEGENERATION_WIDTH = Constant(3.0, "year", "chosen with DEGENERATION_ONSET")
PORE_CLOSING = Constant(1.0, "1/year", "chosen: intracortical pores are refilled within about a year")
MODELLING_BY_PTH = Constant(0.25, "-", "20 to 30 % of teriparatide's formation is modelling (recalled)")
PIT_DEPTH = Constant(0.050, "mm", "middle of the published 40 to 60 um (recalled)")
BSAP_OVER_P1NP = Constant(0.64, "-", "Jorg 2022 eLife 76228: marker exponents 0.924 and 1.453")
OSTEOCALCIN_OVER_P1NP = Constant(0.7, "-", "between BSAP and P1NP (recalled)")
NTX_URINE_OVER_CTX = Constant(0.75, "-", "urinary NTX falls less than serum CTX on one drug (recalled)")
CTX_URINE_OVER_CTX = Constant(0.95, "-", "urinary CTX about as serum CTX (recalled)")
STRENGTH_POWER_TRABECULAR = Constant(1.8, "-", "Keller 1994 J Biomech 27:1159: strength against density, 1.7 to 2")
STRENGTH_POWER_WHOLE = Constant(1.5, "-", "chosen: finite-element strength of a whole bone against its BMD")
RADIUS_OVER_SPINE = Constant(0.45, "-", "Riggs 2008 JBMR 23:205: trabecular -0.38 against -0.84 %/year in young men")

# Mineral and stiffness ------------------------------------------------------------------------------------------------

MODULUS_MINERAL_EXPONENT = Constant(2.74, "-", "Martinez-Reina & Pivonka 2019: exponent of ash in the modulus")
