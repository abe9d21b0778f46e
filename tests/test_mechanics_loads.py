"""Load cases on solid bodies with exact answers, and faces that are not plane."""

import numpy as np
import pytest

from analytic import SQUARE_TORSION, constrained_modulus, guided_beam_stiffness
from trabfem.errors import UserError
from trabfem.mechanics import loads, solve
from trabfem.mechanics.mesh import HexMesh
from typed import triple

H = (0.03, 0.05, 0.04)
E, NU = 1000.0, 0.3
G = E / (2 * (1 + NU))
WIDTH = 0.4


def block(shape=(4, 5, 6)):
    return np.full(shape, E)


@pytest.mark.parametrize("name", [n for n in loads.BY_NAME if n.endswith(("yz", "zx", "xy")) and n[:6] != "shear-"])
def test_pure_shear_of_a_block_has_its_shear_modulus(name):
    assert solve.solve(block(), H, loads.by_name(name, 0.01)).apparent_modulus == pytest.approx(G, rel=1e-6)


@pytest.mark.parametrize("name", [n for n in loads.BY_NAME if n.endswith(("xx", "yy", "zz"))])
def test_pure_normal_strain_of_a_block_has_its_constrained_modulus(name):
    found = solve.solve(block(), H, loads.by_name(name, -0.01))
    axis = "xyz".index(name[-1])
    area = np.prod([n * h for i, (n, h) in enumerate(zip((4, 5, 6), H, strict=True)) if i != axis])
    assert found.apparent_modulus == pytest.approx(constrained_modulus(E, NU), rel=1e-6)
    assert found.reaction_force == pytest.approx(-0.01 * constrained_modulus(E, NU) * area, rel=1e-6)


@pytest.fixture(scope="module")
def bars():
    """A function from a load to its answers on a slender bar of 4 x 4 x 32 and of 8 x 8 x 64 voxels."""

    def solved(load):
        return [solve.solve(block((n, n, 8 * n)), triple([WIDTH / n] * 3), load) for n in (4, 8)]

    return solved


def order(errors):
    return np.log2(errors[0] / errors[1])


@pytest.mark.slow
@pytest.mark.parametrize("plane", ["yz", "zx"])
def test_simple_shear_bends_a_slender_bar_as_a_clamped_beam(bars, plane):
    """The error falls as h^2; what is left is the hold of the plates on Poisson's contraction, 2 %."""
    exact = guided_beam_stiffness(E, NU, WIDTH, 8 * WIDTH)
    coarse, fine = (answer.stiffness / exact - 1 for answer in bars(loads.shear(plane, 0.01)))
    assert 0.01 < (4 * fine - coarse) / 3 < 0.025


def test_simple_shear_moves_the_face_named():
    nodes = np.array([[0, 0, 0], [4, 5, 0], [0, 5, 6], [4, 5, 6], [2, 2, 3]])
    for plane, along, normal in (("yz", 1, 2), ("zx", 0, 2), ("xy", 0, 1)):
        fixed, value = loads.shear(plane, 0.01).prescribe(nodes, (4, 5, 6), H)
        upper = nodes[:, normal] == (4, 5, 6)[normal]
        np.testing.assert_array_equal(fixed.all(1), upper | (nodes[:, normal] == 0))
        np.testing.assert_allclose(
            value[upper], np.eye(3)[along] * 0.01 * (4, 5, 6)[normal] * H[normal] * np.ones((upper.sum(), 1))
        )
        assert not value[~upper].any()


@pytest.mark.slow
@pytest.mark.parametrize("about", ["x", "y"])
def test_bending_of_a_bar_converges_to_its_modulus_with_second_order(bars, about):
    answers = bars(loads.bending(about, 0.01))
    assert 1.9 < order([answer.apparent_modulus / E - 1 for answer in answers]) < 2.1
    fibre_stress = 0.01 * E
    moment = answers[1].reaction_force * WIDTH / 2
    assert moment == pytest.approx(fibre_stress * WIDTH**3 / 6, rel=0.05)


@pytest.mark.slow
def test_free_torsion_of_a_square_bar_is_saint_venants(bars):
    """The torsion constant over the polar moment is the apparent modulus over G; bonded ends make it stiffer."""
    exact = G * 6 * SQUARE_TORSION
    free = loads.LoadCase("free torsion", (("-z", "xy"), ("+z", "xy")), loads.torsion().motion, 0.01)
    answers = bars(free)
    assert 1.8 < order([answer.apparent_modulus / exact - 1 for answer in answers]) < 2.2
    held = bars(loads.torsion(0.01))
    assert answers[1].apparent_modulus < held[1].apparent_modulus < 1.1 * answers[1].apparent_modulus


def test_bending_turns_the_ends_about_the_axis_named():
    """Right hand: about +x the top goes up where y is large, about +y it goes down where x is large."""
    nodes = np.array([[0, 0, 6], [4, 0, 6], [0, 5, 6], [4, 5, 6], [0, 0, 0], [4, 5, 0]])
    for about, across, sign in (("x", 1, 1), ("y", 0, -1)):
        fixed, value = loads.bending(about, 0.01).prescribe(nodes, (4, 5, 6), H)
        np.testing.assert_array_equal(fixed, [[False, False, True]] * 6)
        side = np.where(nodes[:, across] > 0, 1, -1) * np.where(nodes[:, 2] > 0, 1, -1)
        np.testing.assert_allclose(value[:, 2], sign * side * 0.01 * 6 * 0.04 / 2)


def test_pmubc_hold_what_a_mirrored_periodic_cell_holds():
    held = {case: dict(loads.pmubc(case, 1.0).grips) for case in loads.STRAINS}
    for case in ("xx", "yy", "zz"):
        assert held[case] == {face: face[1] for face in loads.FACES}
    assert {face: set(held["yz"][face]) for face in ("-x", "+y", "-z")} == {
        "-x": {"x"},
        "+y": {"x", "z"},
        "-z": {"x", "y"},
    }
    assert {face: set(held["xy"][face]) for face in ("+x", "-y", "+z")} == {
        "+x": {"y", "z"},
        "-y": {"x", "z"},
        "+z": {"z"},
    }


def uneven():
    """A block whose top layer is missing over half of it."""
    modulus = block()
    modulus[:2, :, 5] = 0
    return modulus


def test_uneven_face_takes_the_outermost_nodes_within_the_depth():
    lattice = np.argwhere(np.ones((5, 5, 7)))
    inside = lattice[~((lattice[:, 0] < 2) & (lattice[:, 2] == 6))]
    top = loads.nodes_on_face(inside, (4, 4, 6), H, "+z", depth=0.04)
    assert set(map(tuple, inside[top])) == {(x, y, 6 if x >= 2 else 5) for x in range(5) for y in range(5)}
    assert loads.nodes_on_face(inside, (4, 4, 6), H, "+z").sum() == 3 * 5
    assert loads.nodes_on_face(inside, (4, 4, 6), H, "+z", depth=0.039).sum() == 3 * 5


def test_plates_press_on_an_uneven_face_all_over():
    """Two columns side by side, nearly in parallel, of 5 and 6 layers; without the depth one of them hangs loose."""
    travel = -0.01
    found = solve.solve(uneven(), H, loads.uniaxial(displacement=travel, depth=0.04))
    alone = solve.solve(uneven(), H, loads.uniaxial(displacement=travel))
    columns = 2 * 0.03 * 5 * 0.05 * E * (1 / (5 * 0.04) + 1 / (6 * 0.04))
    assert found.stiffness == pytest.approx(columns, rel=0.05)
    assert alone.stiffness < 0.9 * columns


def test_void_layers_within_the_depth_change_nothing():
    padded = np.pad(block(), ((0, 0), (0, 0), (1, 2)))
    with pytest.raises(UserError, match="no bone connects"):
        solve.solve(padded, H, loads.platens(displacement=-0.01))
    found = solve.solve(padded, H, loads.platens(displacement=-0.01, depth=0.08))
    assert found.stiffness == pytest.approx(
        solve.solve(block(), H, loads.platens(displacement=-0.01)).stiffness, rel=1e-6
    )


def test_bone_that_reaches_no_face_is_one_clear_sentence():
    with pytest.raises(UserError, match="crop the volume"):
        solve.solve(np.pad(block(), 1), H, loads.kubc("xy", 0.01))


@pytest.mark.parametrize("name", list(loads.BY_NAME))
def test_names_and_lengths_agree(name):
    load = loads.by_name(name, displacement=0.02)
    assert load.name == name
    assert load.travel((4, 5, 6), H) == 0.02
    assert loads.by_name(name, 0.5).travel((4, 5, 6), H) == pytest.approx(0.5 * load.length((4, 5, 6), H))


def test_a_negative_depth_is_one_clear_sentence():
    with pytest.raises(UserError, match="depth"):
        loads.by_name("platens", depth=-0.1)


def test_faces_with_more_places_than_16_bits_can_number():
    """The outermost nodes of a rough top: one for every column, whatever the width."""
    height = np.random.default_rng(0).integers(2, 5, (200, 200))
    mesh = HexMesh.from_voxels((np.arange(5) < height[..., None]) * 1.0, (1.0, 1.0, 1.0))
    nodes = np.asarray(mesh.nodes)[: mesh.num_nodes]
    found = nodes[loads.nodes_on_face(nodes, mesh.shape, mesh.spacing, "+z", depth=3.0)]
    highest = np.zeros((201, 201), int)
    for x in (0, 1):
        for y in (0, 1):
            np.maximum(highest[x : x + 200, y : y + 200], height, out=highest[x : x + 200, y : y + 200])
    assert len(found) == 201**2
    assert (highest[found[:, 0], found[:, 1]] == found[:, 2]).all()
