"""Methods in words: how the surface moves, remodelling units, mineral, cells and hormones, treatments."""

import math
from collections.abc import Mapping
from typing import Any

from trabfem import constants
from trabfem.errors import UserError
from trabfem.render.page.library import AGENTS, cite
from trabfem.render.page.method_mechanics import settings_of_header
from trabfem.render.page.wording import counted, listing, months, number, paragraph, rounded, say, section, typeset
from trabfem.runs.study import Study
from trabfem.schedule import parse

YEAR = constants.DAYS_PER_YEAR.value
MICROMETRES = 1000.0
SEXES = {"female": "woman", "male": "man"}


def micrometres_a_year(velocity: float | None) -> str | None:
    """A velocity in mm/day as µm a year."""
    return None if velocity is None else rounded(velocity * YEAR * MICROMETRES, 3)


def describe_remodelling(study: Study) -> dict[str, Any]:
    """The rule, the signal and its reference, and what load does."""
    asked = settings_of_header(study.header)
    if not asked:
        return section("Remodelling")
    return section(
        "Remodelling", describe_rule(asked, study.header.get("months_per_step")), describe_signal(asked),
        describe_response(asked),
    )  # fmt: skip


def describe_rule(asked: Mapping[str, Any], step: float | None) -> str:
    """How the surface is represented and moved, and the length of a step."""
    rules = {
        "level-set": "The surface of the bone was the zero of a signed distance, moved along its normal by an upwind "
        f"scheme {cite('Osher & Fedkiw 2003')} and made a distance again after each substep "
        f"{cite('Russo & Smereka 2000', 'du Chéné 2008')} with the volume of each voxel's neighbourhood kept "
        f"{cite('Sussman & Fatemi 1999')}; a voxel cut by the surface was partly filled.",
        "grey-advection": "The filling of the voxels itself was moved along its gradient "
        f"{cite('Schulte 2013')}, so that the surface blurs over the years.",
        "binary-flips": "Whole voxels of the surface were removed where the signal was lowest and added beside those "
        "where it was highest.",
    }
    rule = asked.get("rule")
    other = say("The surface was moved by the rule {rule}.", rule=rule)
    order = (
        "In each step the signal was taken from the equilibrium of the present bone, surface and cells were advanced, "
        "bone that no load reaches was removed, and the new equilibrium was found."
    )
    length = None if step is None else months(step)
    return paragraph(rules.get(str(rule), other), say("Steps were {length} long.", length=length), order)


def describe_signal(asked: Mapping[str, Any]) -> str:
    """What osteocytes sense, and the reference that they compare it with."""
    sensed = say(
        "The signal S was the strain energy density per volume of bone, averaged over the Gauss points of each element "
        "{niebur} and, with a Gaussian of standard deviation {width} mm, over the bone around.",
        width=asked.get("signal_length"), niebur=cite("Niebur 1999"),
    )  # fmt: skip
    background = say(
        "A background of {share} % of its median over the surface stood for loads that were not modelled.",
        share=rounded(100 * asked["background"]) if asked.get("background") else None,
    )
    points = {
        "accommodated": "The reference S₀ of each place was what it felt at month 0",
        "uniform_median": "The reference S₀ was the same everywhere, the median of the signal over the surface at "
        "month 0",
        "uniform_balance": "The reference S₀ was the same everywhere, such that the surface as a whole was in balance "
        "at month 0",
    }
    tau = asked.get("accommodation")
    follows = "" if tau is None else follow(tau)
    point = points.get(str(asked.get("set_point")))
    reference = f"{point}{follows}." if point else ""
    return paragraph(sensed, background, reference)


def follow(tau: float | str) -> str:
    """How the reference changes: with a time constant in years (`tau` in days), or not at all."""
    if isinstance(tau, str) or not math.isfinite(tau):
        return " and stayed so"
    years = tau / YEAR
    said = "one year" if years == 1 else f"{number(years, 3)} years"
    return f", and it followed the signal with a time constant of {said} {cite('Turner 1999')}"


def describe_response(asked: Mapping[str, Any]) -> str:
    """The velocity of the surface and what stands in it."""
    c, level = constants, asked.get("rule") == "level-set"
    formed = "formed outside of pits" if asked.get("bmus") else "formed less what they resorbed"
    smoothing = asked.get("smoothing")
    curved = say("γ = {smoothing} mm² a year, which removes roughness of a voxel's size", smoothing=number(
        smoothing * YEAR, 3)) if level and smoothing else ""  # fmt: skip
    values = say(
        "k = {gain} and no lazy zone {lazy}; v_max = {fastest} µm a year{fast_source}",
        gain=asked.get("gain"), lazy=cite("Christen 2014"), fastest=micrometres_a_year(asked.get("fastest")),
        fast_source=turnover_source(asked.get("fastest"), c.SURFACE_VELOCITY_POSTMENOPAUSE),
    )  # fmt: skip
    velocity = say(
        "{moved} v = v_max clip[k(S/S₀ − 1) + b, −1, 1]{curvature}: {values}.",
        moved="As many voxels were added or removed as a surface would gain or lose that moved with the velocity"
        if asked.get("rule") == "binary-flips" else "The surface moved along its outward normal with the velocity",
        curvature=" − γκ, κ being its curvature" if curved else "", values=f"{values}; {curved}" if curved else values,
    ) if values else ""  # fmt: skip
    budget = say(
        "b v_max is what the cells {formed}, in multiples of the layer of {budget} µm that balanced turnover takes and "
        "lays down in a year{source}.",
        formed=formed, budget=micrometres_a_year(asked.get("budget")),
        source=turnover_source(asked.get("budget"), c.SURFACE_VELOCITY_PREMENOPAUSE),
    )  # fmt: skip
    return paragraph(velocity, budget)


def turnover_source(velocity: float | None, constant: constants.Constant) -> str:
    """The citation of a velocity (mm/day) where it is the constant's (mm/month)."""
    same = velocity is not None and math.isclose(velocity * constants.DAYS_PER_MONTH.value, constant.value)
    return f" {cite('Recker 2004', 'Lips 1978')}" if same else ""


def describe_units(study: Study) -> dict[str, Any]:
    """Single BMUs and their pits, or the smooth law without them."""
    asked = settings_of_header(study.header)
    if "bmus" not in asked:
        return section("Remodelling units")
    if not asked["bmus"]:
        whole = "the surface as a whole" if asked.get("rule") == "binary-flips" else "the whole surface"
        return section(
            "Remodelling units",
            f"Bone turned over without single remodelling units (BMUs): {whole} moved by formation less "
            "resorption. Nothing is random, and fewer struts are lost than in living bone.",
        )
    bmus = asked["bmus"]
    return section("Remodelling units", describe_births(bmus), describe_pits(bmus))


def describe_births(bmus: Mapping[str, Any]) -> str:
    """How many BMUs are born, and where."""
    c = constants
    return paragraph(
        "Bone turned over in single basic multicellular units (BMUs).",
        say(
            "The part of the surface that they cover in a year is the activation frequency of the cell model, which in "
            "premenopausal women is {before} {recker}.",
            before=c.ACTIVATION_FREQUENCY_PREMENOPAUSE.value, recker=cite("Recker 2004"),
        ),
        say(
            "Places of birth were drawn at random without replacement {drawn}, with odds per area of "
            "exp[−{bias}(S/S₀ − 1)].",
            bias=bmus.get("bias"), drawn=cite("Efraimidis & Spirakis 2006"),
        ),
    )  # fmt: skip


def describe_pits(bmus: Mapping[str, Any]) -> str:
    """What a BMU digs and refills, and how month 0 is made."""
    c = constants
    digging, filling = c.RESORPTION_PERIOD.value, c.FORMATION_PERIOD_SIMULATION.value
    life = math.ceil((digging + filling) / c.DAYS_PER_MONTH.value)
    return paragraph(
        say(
            "A unit digs for {digging} days and refills for {filling} {liu}. Its pit is an ellipse of {length} × "
            "{width} µm, {depth} µm deep on average, and its depth and size follow the cell model.",
            digging=digging, filling=filling, liu=cite("Liu 2008"), length=c.CAVITY_LENGTH.value * MICROMETRES,
            width=c.CAVITY_WIDTH.value * MICROMETRES, depth=c.PIT_DEPTH.value * MICROMETRES,
        ),
        say(
            "Depths varied with a standard deviation of {spread} % (compare wall thickness {lips}).",
            spread=rounded(100 * bmus["depth_spread"]) if bmus.get("depth_spread") is not None else None,
            lips=cite("Lips 1978"),
        ),
        say(
            "Bone thicker than {safe} depths of a pit kept a film under it; a pit that went through was not refilled, "
            "and bone that would have formed there was laid down in the other pits.",
            safe=bmus.get("safe"),
        ),
        f"The pits of a scan cannot be told from its shape, so month 0 was the specimen after {counted(life, 'month')} "
        "in which units dug and refilled in balance.",
    )  # fmt: skip


def describe_mineral(study: Study) -> dict[str, Any]:
    """Mineral by tissue age, or the cell model's mean."""
    asked = settings_of_header(study.header)
    if "mineral" not in asked:
        return section("Mineral")
    if not asked["mineral"]:
        return section("Mineral", "The mean mineral of the block was that of the cell model, the same in all voxels.")
    rate, deficit = (asked["mineral"].get(key) for key in ("rate", "deficit"))
    return section(
        "Mineral",
        say(
            "New bone lacked {deficit} % of the mineral of old bone and gained it at a rate of {rate} a year {source}, "
            "so that bone becomes denser where turnover is low. The modulus of a voxel went with its mineral, relative "
            "to month 0, to the power {power} {exponent}.",
            deficit=rounded(None if deficit is None else 100 * deficit),
            rate=rounded(None if rate is None else rate * YEAR),
            source=cite("Ruffoni 2007"), power=constants.MODULUS_MINERAL_EXPONENT.value,
            exponent=cite("Martínez-Reina & Pivonka 2019"),
        ),
    )  # fmt: skip


def describe_patient(patient: Mapping[str, Any]) -> str:
    """Sex, age, menopause and hormonal status in a sentence."""
    who, status, menopause = (
        SEXES.get(str(patient.get("sex"))),
        patient.get("hormonal_status"),
        patient.get("menopause_age"),
    )
    female = {
        "natural": say(" with the final menstrual period at {age}", age=menopause),
        "surgical_menopause": say(" with ovaries removed at {age}", age=menopause),
        "eugonadal": " whose ovaries function throughout",
    }
    male = {"eugonadal": " with usual testicular function for his age"}
    too_little = {"hypogonadal": " with too little stimulation by the pituitary since some years before"}
    known = (female if who == "woman" else male) | too_little
    return say(
        "The patient was a {who} of {age} years at month 0{more}, standing for the typical participant of a trial.",
        who=who, age=patient.get("age"), more=known.get(str(status), ""),
    )  # fmt: skip


def describe_cells(study: Study) -> dict[str, Any]:
    """The model of hormones and cells, and whom it was run for."""
    patient = study.header.get("patient") or {}
    if not patient:
        return section("Hormones and cells")
    men = patient.get("sex") == "male"
    hormones = (
        f"testosterone and oestradiol bound by SHBG {cite('Khosla 2005', 'Finkelstein 2016')}"
        if men
        else f"oestradiol and FSH over the menopausal transition {cite('Randolph 2011')}"
    )
    model = (
        "Cells were those of a system of ordinary differential equations for precursors, osteoclasts, coupled "
        "osteoblasts and lining cells under RANK, RANKL and OPG, oestrogen, sclerostin and Wnt "
        f"{cite('Lemaire 2004', 'Peterson & Riggs 2010', 'Martínez-Reina & Pivonka 2019', 'Jörg 2022')}, with a store "
        f"of precursors to which osteoclasts return {cite('McDonald 2021')}, driven by {hormones}. It was integrated "
        f"by an exponential scheme of second order {cite('Hochbruck & Ostermann 2010')}. Its parameters were fitted to "
        "published trials of groups, with priors from the literature."
    )
    life = (
        "The life of the skeleton was followed from balance in youth to month 0, so its history of hormones is in it."
    )
    given = describe_link(settings_of_header(study.header))
    return section("Hormones and cells", paragraph(describe_patient(patient), life), paragraph(model, given))


def describe_link(asked: Mapping[str, Any]) -> str:
    """What the voxels receive of the cells."""
    if not asked:
        return ""
    cells = (
        "the activation frequency, depth and refilling of pits, and formation outside of pits"
        if asked.get("bmus")
        else "formation and resorption"
    )
    mineral = "kinetics" if asked.get("mineral") else "mean"
    return f"From the cells the voxels received {cells}, and the {mineral} of mineral."


def describe_treatments(study: Study) -> dict[str, Any]:
    """What each arm received, as its schedule was understood, and what the agents rest on."""
    header = study.header
    understood = header.get("understood") or {}
    lines = []
    for arm in header["arms"]:
        items = understood.get(arm["slug"], [arm["schedule"]] if arm["schedule"] else [])
        given = "; ".join(typeset(item) for item in items) or "no treatment, the usual load"
        lines.append(f"{arm['name']}: {given}.")
    rests = [f"{agent.replace('_', ' ')} {cite(*AGENTS[agent])}" for agent in agents_of(study) if agent in AGENTS]
    sources = f"Apart from product labels, the numbers of the agents rest on published work: {listing(rests)}."
    first = f"The study has {counted(len(lines), 'arm')}. Months count from month 0."
    return section("Treatments", first, *lines, sources if rests else "")


def agents_of(study: Study) -> list[str]:
    """The agents in the schedules of all arms, in the order of their first mention."""
    found: dict[str, None] = {}
    for arm in study.header["arms"]:
        try:
            found |= {item.agent: None for item in parse(arm["schedule"]).treatments}
        except UserError:
            continue  # of a grammar that this version does not know
    return list(found)
