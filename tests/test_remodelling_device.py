"""A month stays on the device: no grid crosses to the host, births are those of plain NumPy, slots suffice."""

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from births_in_numpy import one_month
from plates import WOMAN, bone
from trabfem import schedule
from trabfem.remodelling import adaptation, bmu, measures, surface
from trabfem.remodelling.bmu import births
from trabfem.remodelling.equilibrium import tissue_moduli
from trabfem.remodelling.forcing import compute_forcing, month_grid
from trabfem.remodelling.loading.load_path import find_load_bearing
from trabfem.remodelling.model import create_model
from trabfem.remodelling.settings import Settings
from trabfem.remodelling.start import add_initial_pits, start_state

LARGE = 4096
"""Bytes; what is larger counts as a grid."""
H, N, DAYS = 0.035, 26, 30.4375


def is_on_device(each: object) -> bool:
    """Whether it is an array with values, not one that stands for them while a program is made."""
    return isinstance(each, jax.Array) and hasattr(each, "addressable_shards")


class Noted(partial):
    """A function of NumPy through `Counting.call`, with the attributes of its own, such as `accumulate`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.args[1], name)


class Counting:
    """NumPy, except that it notes every large array of the device that one of its functions is given."""

    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if isinstance(found, type) or not callable(found):
            return found
        return Noted(self.call, name, found)

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        for each in (*args, *kwargs.values()):
            if is_on_device(each) and each.nbytes > LARGE:
                self.seen.append(f"np.{name} of {each.dtype}{list(each.shape)}")
        return function(*args, **kwargs)


def large_arrays_in(log: str) -> list[str]:
    """The arrays that JAX says it has copied to the device, those of more than `LARGE` bytes."""
    found = re.findall(r"host-to-device transfer: aval=ShapedArray\(\w+?(\d+)\[([\d,]+)\]", log)
    return [shape for bits, shape in found if int(bits) // 8 * np.prod([int(n) for n in shape.split(",")]) > LARGE]


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Copies of grids between host and device that remodelling makes by NumPy, `device_put` and `device_get`."""
    seen: list[str] = []
    counting, put, get = Counting(seen), jax.device_put, jax.device_get
    for name, module in list(sys.modules.items()):
        if name.startswith("trabfem.remodelling") and getattr(module, "np", None) is np:
            monkeypatch.setattr(module, "np", counting)

    def note(how: str, kind: type, function: Callable[..., Any], tree: Any, *more: Any, **kwargs: Any) -> Any:
        large = [each for each in jax.tree.leaves(tree) if isinstance(each, kind) and each.nbytes > LARGE]
        seen.extend(f"{how} of {each.shape}" for each in large)
        return function(tree, *more, **kwargs)

    monkeypatch.setattr(jax, "device_put", partial(note, "device_put", np.ndarray, put))
    monkeypatch.setattr(jax, "device_get", partial(note, "device_get", jax.Array, get))
    return seen


def test_no_grid_is_copied_in_a_month(copies: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Births, pits, motion, loose bone, tissue age, moduli and measures. The solver's own copies are not its matter."""
    specimen = bone()
    model = create_model(specimen, Settings(thickness_every=0))
    forcing = compute_forcing(WOMAN, schedule.parse(""), month_grid(0.25, 1.0))
    first = add_initial_pits(start_state(specimen, model), model, forcing)
    capfd.readouterr()
    del copies[:]
    with jax.transfer_guard_host_to_device("log"):
        state = adaptation.adapt(first, model, forcing)
        modulus = tissue_moduli(state.fill, model.settings, state.young, state.young_start)
        row = measures.measure(state, model, forcing)
    assert copies + large_arrays_in(capfd.readouterr().err) == []
    for grid in (state.phi, state.fill, state.energy, state.reference, state.young, modulus):
        assert isinstance(grid, jax.Array) and grid.dtype == np.float32
    assert state.bmus is not None and isinstance(state.bmus.owner, jax.Array)
    assert row["BV/TV"] == pytest.approx(np.asarray(state.fill).mean(dtype=np.float64), rel=1e-12)


def test_copies_are_seen(copies: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """The test above would see each way in which a grid may be copied."""
    grid = np.ones((12, 12, 12), np.float32)
    there = jax.device_put(grid)
    measures.np.asarray(there)
    jax.device_get({"a": there})
    with jax.transfer_guard_host_to_device("log"):
        jax.jit(lambda x: x + 1)(grid)
    assert len(copies) == 3 and large_arrays_in(capfd.readouterr().err) == ["12,12,12"]


@pytest.fixture
def in_double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def rough_ground() -> tuple[np.ndarray, bmu.BirthSites]:
    """Plates and rods, and a signal that differs from place to place."""
    rng = np.random.default_rng(3)
    noise = ndimage.gaussian_filter(rng.standard_normal((N, N, N)), 2.5)
    phi = surface.distance_from_fill((np.abs(noise) < 0.4 * noise.std()).astype(np.float32), H)
    ratio = jnp.asarray(rng.uniform(0, 3, phi.shape), jnp.float32)
    area = surface.surface_weight(phi, H) * H**2
    return np.asarray(phi), bmu.find_birth_sites(phi, area, ratio, H, bias=3.0)


@pytest.mark.parametrize("seed", [1, 2 + 2**33])
def test_births_of_a_month_are_those_of_numpy(in_double: None, seed: int) -> None:
    """Voxel, day, owner, weight and covered surface of each."""
    phi, where = rough_ground()
    found, _ = bmu.give_birth(bmu.no_bmus(phi.shape), where, 3.0, 0.05, 0.0, DAYS, seed, bmu.BmuSettings())
    words = np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32)
    key = births.month_key(jnp.asarray(words), jnp.uint32(0))
    numbers = np.asarray(jax.vmap(lambda v: births.draw(key, v, births.NUMBERS))(jnp.arange(phi.size)))
    cover, odds = np.asarray(where.cover), np.asarray(where.odds)
    away = numbers[0, 0] * births.USUAL_COVER
    expected = one_month(phi, cover, odds, H, numbers, 3.0, 0.05, DAYS, away)
    count = len(expected["birth"])
    assert int(found.born) == count > 4
    assert np.array_equal(found.owner, expected["owner"])
    assert np.asarray(found.weight) == pytest.approx(expected["weight"], abs=1e-6)
    assert np.asarray(found.birth)[:count] == pytest.approx(expected["birth"])
    assert np.asarray(found.centre)[:count] == pytest.approx(expected["centre"], rel=1e-9)
    assert float(found.arrived) == pytest.approx(expected["arrived"], rel=1e-6)
    assert np.isinf(np.asarray(found.birth)[count:]).all()


def test_slots_grow_where_they_run_out(in_double: None) -> None:
    """The same BMUs as with slots enough from the beginning, and none is left out."""
    phi, where = rough_ground()
    few, many = (
        bmu.give_birth(bmu.no_bmus(phi.shape, slots), where, 20.0, 0.05, 0.0, DAYS, 1, bmu.BmuSettings())[0]
        for slots in (2, 128)
    )
    assert 2 < int(many.born) == int(few.born) <= len(few.birth)
    assert np.array_equal(few.owner, many.owner) and np.array_equal(few.weight, many.weight)


def test_sums_of_bmus_do_not_depend_on_the_order_of_their_voxels(in_double: None) -> None:
    phi, where = rough_ground()
    found, _ = bmu.give_birth(bmu.no_bmus(phi.shape), where, 3.0, 0.05, 0.0, DAYS, 1, bmu.BmuSettings())
    values = np.random.default_rng(0).uniform(-1, 1, phi.shape).astype(np.float32) * H**3
    order = np.random.default_rng(1).permutation(phi.size)
    total = bmu.sum_by_bmu(found.owner, jnp.asarray(values), len(found.birth), H**3)
    owner, mixed = (jnp.asarray(np.asarray(each).ravel()[order].reshape(phi.shape)) for each in (found.owner, values))
    assert np.array_equal(total, bmu.sum_by_bmu(owner, mixed, len(found.birth), H**3))
    direct = np.bincount(np.asarray(found.owner).ravel(), values.ravel(), len(found.birth) + 1)[1:]
    assert np.asarray(total) == pytest.approx(direct, abs=1e-9 * H**3)


@pytest.mark.parametrize("seed", range(4))
def test_load_bearing_bone_is_what_labels_say(seed: int) -> None:
    solid = np.random.default_rng(seed).random((9, 11, 13)) < 0.4 + 0.05 * seed
    labels = np.zeros(solid.shape, np.int32)
    ndimage.label(solid, output=labels)
    through = np.setdiff1d(np.intersect1d(labels[:, :, 0], labels[:, :, -1]), [0])
    kept = jax.jit(find_load_bearing)(solid.astype(np.float32), 0.5)
    assert np.array_equal(kept, np.isin(labels, through))
