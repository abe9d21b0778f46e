"""A new agent is one class and one place in a formulary: nothing else of the model is touched."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.biology.agents import FORMULARY, Agent, Antibody, Form, Formulary, Signals
from trabfem.biology.course import course, follow, follow_many
from trabfem.biology.parameters import Parameters
from trabfem.biology.patient import Patient
from trabfem.biology.prescription import describe
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant
from trabfem.errors import UserError

WOMAN = Patient("female", age=65.0, menopause_age=50.0)
MONTHS = np.arange(0.0, 61.0)


class Toy(Agent):
    """A tablet that does what teriparatide does."""

    name: ClassVar[str] = "toy"
    mechanism: ClassVar[str] = "PTH by mouth"
    route: ClassVar[str] = "by mouth"
    source: ClassVar[str] = "made up"
    forms: ClassVar[tuple[Form, ...]] = (Form("tablets", 4.0, "mg"),)
    onset: ClassVar[Constant] = Constant(104.0, "1/year", "made up")

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        return signals._replace(pth=signals.pth + 2.0 * exposure / (1.0 + exposure))


class Toyimab(Antibody):
    """An antibody against RANKL with a half-life of a year."""

    name: ClassVar[str] = "toyimab"
    mechanism: ClassVar[str] = "binds RANKL"
    route: ClassVar[str] = "under the skin"
    source: ClassVar[str] = "made up"
    forms: ClassVar[tuple[Form, ...]] = (Form("injection", 10.0, "mg"),)
    every: ClassVar[float] = 12.0
    onset: ClassVar[Constant] = Constant(0.2, "1/day", "made up")
    peak: ClassVar[Constant] = Constant(30.0, "ug/mL", "made up")
    elimination: ClassVar[Constant] = Constant(np.log(2.0), "1/year", "made up")

    def clearance(self, concentration: Scalar, parameters: Parameters) -> Scalar:
        return jnp.full_like(concentration, self.elimination.value)

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        return signals._replace(ligand_bound=signals.ligand_bound + exposure)


WITH_TOYS = FORMULARY + Formulary((Toy(), Toyimab()))


def test_a_new_agent_acts_by_its_mechanism() -> None:
    toy = follow(WOMAN, "toy 0-24", MONTHS, formulary=WITH_TOYS)
    known = follow(WOMAN, "teriparatide 0-24", MONTHS)
    assert toy.bmd_spine == pytest.approx(known.bmd_spine, rel=1e-12)
    assert toy.bmd_spine[24] > 1.04


def test_a_new_antibody_has_a_concentration_of_its_own() -> None:
    treated = follow(WOMAN, "toyimab 0-24", MONTHS, formulary=WITH_TOYS)
    untreated = follow(WOMAN, "", MONTHS)
    assert treated.ctx[6] < 0.5 * untreated.ctx[6]
    assert treated.ctx[30] < 0.7 * untreated.ctx[30], "half of it is still there a year after the last dose"
    assert treated.bmd_spine[24] > untreated.bmd_spine[24] + 0.05


def test_two_antibodies_against_one_target_add_up() -> None:
    alone = follow(WOMAN, "denosumab 50% 0-24", MONTHS, formulary=WITH_TOYS)
    both = follow(WOMAN, "denosumab 50% 0-24; toyimab 1% 0-24", MONTHS, formulary=WITH_TOYS)
    assert both.ctx[5] < 0.95 * alone.ctx[5]


def test_agents_that_are_not_taken_change_nothing() -> None:
    for text in ("", "denosumab 0-24; alendronate 24-60"):
        more, shipped = follow(WOMAN, text, MONTHS, formulary=WITH_TOYS), follow(WOMAN, text, MONTHS)
        assert more.bmd_spine == pytest.approx(shipped.bmd_spine, rel=1e-12)
        assert more.ctx == pytest.approx(shipped.ctx, rel=1e-12)


@pytest.mark.slow
def test_the_new_names_are_known_where_schedules_are_read() -> None:
    assert describe("toy 2mg 0-24", WITH_TOYS) == ("toy, tablets 2 mg a day (0.5 x the standard 4 mg), months 0-24",)
    found = course(WOMAN, "toyimab 0-24", formulary=WITH_TOYS)
    assert found.low["bmd_spine"][24] > 2.0
    (many,) = follow_many([WOMAN], ["toyimab 0-24"], MONTHS, formulary=WITH_TOYS)
    assert many.bmd_spine == pytest.approx(found.bmd_spine, rel=1e-9)
    with pytest.raises(UserError, match="unknown agent 'toy'"):
        course(WOMAN, "toy 0-24")
