"""On a GPU: the kernels against the plain form, and solves, batches, parts and a month against answers of a CPU.

python3 -m pytest -m gpu

Without pytest-xdist and beartype: `python3 bench/gpu.py tests`. Bones are small, since compiling takes the time.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analytic import lattice_bone
from plates import carry_out
from trabfem.mechanics import hexahedron, loads, native, operator, solve
from trabfem.mechanics.cases import solve_cases
from trabfem.mechanics.mesh import HexMesh
from trabfem.mechanics.parts.solve import solve_parts
from trabfem.specimen import keep_load_path, readers

pytestmark = pytest.mark.gpu

# Platens, 6829 MPa, Poisson's ratio 0.3; trabfem on a CPU, ParOSol and pyamg agree to 2e-7.
VERTEBRA_64_MPA = 252.113414
# After one month of `plates.bone` untreated, seed 1, on a CPU.
MONTH = {"BV/TV": 0.234292852, "failure load (N)": 0.69240582}
SPACING = (0.04, 0.04, 0.04)


@pytest.fixture(autouse=True)
def gpu():
    if jax.default_backend() != "gpu":
        pytest.skip("JAX finds no GPU here")


def test_there_are_kernels():
    assert native.on_gpu(), native.reason_missing()


@pytest.mark.parametrize(("dtype", "error"), [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("cases", [(), (6,)])
def test_the_fine_operator_equals_the_plain_form_and_repeats_itself(dtype, error, cases):
    random = np.random.default_rng(0)
    mesh = HexMesh.from_voxels((random.random((20, 17, 23)) < 0.4) * random.uniform(1e3, 2e4, (20, 17, 23)), SPACING)
    with jax.enable_x64(dtype == "float64"):
        stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson), dtype)
        u = jnp.asarray(random.normal(size=(*cases, *mesh.nodes.shape)), dtype)

        def forces(form):
            def one(u):
                return form(mesh, stiffness, u)

            # Otherwise a GPU takes numbers of 19 bits for products of float32.
            with jax.default_matmul_precision("highest"):
                return np.asarray(jax.jit(jax.vmap(one) if cases else one)(u))[..., : mesh.num_nodes, :]

        ours, plain = forces(operator.apply_compiled), forces(operator.apply_plain)
        np.testing.assert_allclose(ours, plain, atol=error * abs(plain).max())
        np.testing.assert_array_equal(ours, forces(operator.apply_compiled))


def test_a_solve_has_the_answer_of_a_cpu_and_repeats_itself():
    bone = keep_load_path(readers.read("vertebra_64"))
    found, again = (solve.solve(6829.0 * bone.fill, bone.spacing, loads.platens(-0.01)) for _ in range(2))
    assert found.converged
    assert found.apparent_modulus == pytest.approx(VERTEBRA_64_MPA, rel=1e-6)
    np.testing.assert_array_equal(np.asarray(found.displacement), np.asarray(again.displacement))


def test_a_batch_of_six_has_the_answers_of_six_solves():
    bone, cases = lattice_bone(24) * 5000.0, [loads.kubc(case, 0.01) for case in loads.STRAINS]
    batch = solve_cases(bone, SPACING, cases, together=True)
    alone = solve_cases(bone, SPACING, cases, together=False)
    for one, other in zip(batch, alone, strict=True):
        assert one.converged
        assert one.energy == pytest.approx(other.energy, rel=1e-6)


def test_two_parts_have_the_answers_that_they_have_alone():
    bones, case = [lattice_bone(24) * 5000.0, lattice_bone(24)[::-1] * 3000.0], [loads.platens(-0.01)]
    for [one], bone in zip(solve_parts(bones, SPACING, case), bones, strict=True):
        [[alone]] = solve_parts([bone], SPACING, case)
        assert one.converged and one.energy == pytest.approx(alone.energy, rel=1e-6)


def test_a_month_of_remodelling_is_that_of_a_cpu_and_repeats_itself():
    tables = [carry_out({"Untreated": ""}, years=1 / 12, members=1).arms[0].members[0].table for _ in range(2)]
    for name, value in MONTH.items():
        assert tables[0][name][1] == pytest.approx(value, rel=1e-3)
        assert tables[0][name][1] == tables[1][name][1]
