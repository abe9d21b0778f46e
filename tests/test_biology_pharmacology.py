"""From cover to exposure: superposition, conservation of doses, no dose no drug."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from trabfem import constants
from trabfem.biology import agents, formulary
from trabfem.biology.cells import forcing
from trabfem.biology.pharmacology import encode
from trabfem.biology.schedule import parse


def exposure(schedule: str, agent: str, edges: np.ndarray) -> np.ndarray:
    """Mean exposure to `agent` between successive `edges` (years)."""
    with jax.enable_x64(True):
        doses = jax.tree.map(jnp.asarray, encode(parse(schedule)))
        steps = zip(edges[:-1], edges[1:], strict=True)
        return np.array([forcing(a, b, doses)[formulary.INDEX[agent]] for a, b in steps])


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
        seen = np.asarray(forcing(0.4, 0.5, jax.tree.map(jnp.asarray, encode(parse("denosumab 0-24")))))
    assert np.flatnonzero(seen).tolist() == [formulary.INDEX["denosumab"]]


def test_schedules_of_any_length_share_shapes() -> None:
    shapes = {encode(parse(text)).agent.shape for text in ("", "estrogen 0-1", "estrogen 0-1; denosumab 0-6")}
    assert len(shapes) == 1
    many = "; ".join(f"alendronate {month}-{month + 1}" for month in range(0, 40, 2))
    assert encode(parse(many)).agent.shape == (32,)


def test_every_product_has_its_agent() -> None:
    assert tuple(agents.AGENTS) == formulary.NAMES
    assert all(rate > 0.0 for rate in agents.RATES)


def test_antibody_half_lives() -> None:
    from trabfem.biology.parameters import prior_median

    romosozumab = agents.ROMOSOZUMAB.clearance(jnp.asarray(5.0), prior_median()) / constants.DAYS_PER_YEAR.value
    assert np.log(2.0) / romosozumab == pytest.approx(12.8, rel=0.01)
    high, low = (agents.DENOSUMAB.clearance(jnp.asarray(level), prior_median()) for level in (10_000.0, 10.0))
    assert low > 4.0 * high, "denosumab is cleared faster once its target is no longer saturated"
