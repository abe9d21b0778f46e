"""From cover to exposure: superposition, conservation of doses, no dose no drug."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from trabfem import constants
from trabfem.biology.agents import FORMULARY, Antibody
from trabfem.biology.pharmacology import encode, exposures
from trabfem.biology.prescription import prescribe


def exposure(schedule: str, agent: str, edges: np.ndarray) -> np.ndarray:
    """Mean exposure to `agent` between successive `edges` (years)."""
    with jax.enable_x64(True):
        doses = jax.tree.map(jnp.asarray, encode(prescribe(schedule)))
        steps = zip(edges[:-1], edges[1:], strict=True)
        return np.array([exposures(a, b, doses)[FORMULARY.number(agent)] for a, b in steps])


@pytest.mark.parametrize(
    ("schedule", "agent", "given"),
    [
        ("zoledronate 0-36", "zoledronate", 3),
        ("zoledronate 0-12", "zoledronate", 1),
        ("denosumab 0-24", "denosumab", 4),
        ("denosumab 3-10", "denosumab", 2),
        ("romosozumab 0-12", "romosozumab", 12),
        ("zoledronate 5mg/24mo 0-48", "zoledronate", 2),
    ],
)
@pytest.mark.parametrize("steps", [7, 400])
def test_every_dose_is_absorbed_once(schedule: str, agent: str, given: int, steps: int) -> None:
    edges = np.linspace(-1.0, 9.0, steps + 1)
    absorbed = exposure(schedule, agent, edges) * np.diff(edges)
    assert absorbed.min() > -1e-12
    assert absorbed.sum() == pytest.approx(given, rel=1e-9)


def test_daily_cover_is_reached_and_left() -> None:
    edges = np.arange(-1, 4, 1 / 24)
    taken = exposure("estrogen 2mg 0-24", "estrogen", edges)
    middle = edges[:-1] + 1 / 48
    assert np.all(taken[middle < 0] == 0.0)
    assert taken[(middle > 0.5) & (middle < 2)] == pytest.approx(2.0, rel=1e-6)
    assert taken[middle > 2.5].max() < 1e-6


def test_cover_without_a_gap_is_one_cover() -> None:
    edges = np.linspace(-1.0, 4.0, 91)
    for agent in ("estrogen", "romosozumab"):
        parts = exposure(f"{agent} -6-0; {agent} 0-24", agent, edges)
        assert parts == pytest.approx(exposure(f"{agent} -6-24", agent, edges), abs=1e-9)


def test_other_agents_stay_at_nought() -> None:
    with jax.enable_x64(True):
        seen = np.asarray(exposures(0.4, 0.5, jax.tree.map(jnp.asarray, encode(prescribe("denosumab 0-24")))))
    assert np.flatnonzero(seen).tolist() == [FORMULARY.number("denosumab")]


def test_schedules_of_any_length_share_shapes() -> None:
    shapes = {encode(prescribe(text)).agent.shape for text in ("", "estrogen 0-1", "estrogen 0-1; denosumab 0-6")}
    assert len(shapes) == 1
    many = "; ".join(f"alendronate {month}-{month + 1}" for month in range(0, 40, 2))
    assert encode(prescribe(many)).agent.shape == (32,)


def test_the_formulary_is_complete() -> None:
    assert FORMULARY.names == (
        "estrogen", "estrogen_low", "progestin", "testosterone", "testosterone_female_lowdose", "anastrozole",
        "gonadorelin", "raloxifene", "alendronate", "alendronate_low", "zoledronate", "denosumab", "romosozumab",
        "teriparatide", "gnrh_agonist", "flutamide", "finasteride",
    )  # fmt: skip
    assert all(rate > 0.0 for rate in FORMULARY.rates)
    assert [agent.name for agent in FORMULARY.antibodies] == ["denosumab", "romosozumab"]


def test_antibody_half_lives() -> None:
    from trabfem.biology.parameters import prior_median

    def clearance(name: str, level: float):
        agent = FORMULARY.by_name[name]
        assert isinstance(agent, Antibody)
        return agent.clearance(jnp.asarray(level), prior_median()) / constants.DAYS_PER_YEAR.value

    assert np.log(2.0) / clearance("romosozumab", 5.0) == pytest.approx(12.8, rel=0.01)
    high, low = (clearance("denosumab", level) for level in (10_000.0, 10.0))
    assert low > 4.0 * high, "denosumab is cleared faster once its target is no longer saturated"
