"""On a GPU: the fused kernel, a whole solve and a batch, against the plain form and against answers of a CPU.

python3 -m pytest -m gpu
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analytic import lattice_bone
from trabfem.mechanics import fused, hexahedron, loads, operator, solve
from trabfem.mechanics.cases import solve_cases
from trabfem.mechanics.mesh import HexMesh
from trabfem.specimen import keep_load_path, readers

pytestmark = pytest.mark.gpu

# Platens, 6829 MPa, Poisson's ratio 0.3; trabfem on a CPU, ParOSol and pyamg agree to 2e-7.
VERTEBRA_64_MPA = 252.113414


@pytest.fixture(autouse=True)
def gpu():
    if jax.default_backend() != "gpu":
        pytest.skip("JAX finds no GPU here")


@pytest.mark.parametrize(("dtype", "error"), [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("cases", [(), (6,)])
def test_fused_kernel_equals_the_plain_form_and_repeats_itself(dtype, error, cases):
    random = np.random.default_rng(0)
    mesh = HexMesh.from_voxels(
        (random.random((40, 33, 47)) < 0.4) * random.uniform(1e3, 2e4, (40, 33, 47)), (0.03, 0.03, 0.03)
    )
    assert fused.available()
    with jax.enable_x64(dtype == "float64"):
        stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson), dtype)
        u = jnp.asarray(random.normal(size=(*cases, *mesh.nodes.shape)), dtype)

        def forces(form):
            def one(u):
                return form(mesh, stiffness, u)

            return np.asarray(jax.jit(jax.vmap(one) if cases else one)(u))

        ours, plain = forces(fused.apply), forces(operator.apply_plain)
        np.testing.assert_allclose(ours, plain, atol=error * abs(plain).max())
        np.testing.assert_array_equal(ours, forces(fused.apply))


def test_a_solve_has_the_answer_of_a_cpu():
    bone = keep_load_path(readers.read("vertebra_64"))
    found = solve.solve(6829.0 * bone.fill, bone.spacing, loads.platens(-0.01))
    assert found.converged
    assert found.apparent_modulus == pytest.approx(VERTEBRA_64_MPA, rel=1e-6)


def test_a_batch_of_six_has_the_answers_of_six_solves():
    bone, cases = lattice_bone(24) * 5000.0, [loads.kubc(case, 0.01) for case in loads.STRAINS]
    batch = solve_cases(bone, (0.04, 0.04, 0.04), cases, together=True)
    alone = solve_cases(bone, (0.04, 0.04, 0.04), cases, together=False)
    for one, other in zip(batch, alone, strict=True):
        assert one.converged
        assert one.energy == pytest.approx(other.energy, rel=1e-6)
