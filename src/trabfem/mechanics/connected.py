"""Which voxels hang together with both ends of a volume, face by face, found on the device that holds them."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, UInt32

from .lattice import WORD, pack, unpack

Words = UInt32[Array, "ends i j words"]


@functools.partial(jax.jit, static_argnames="axis")
def reaches_both_ends(
    solid: Bool[Array, "x y z"], axis: int = 2, layers: Int[Array, ""] | int = 1
) -> Bool[Array, "x y z"]:
    """The solid voxels that a walk from face to face joins to the first and to the last layer along `axis`.

    `layers`: how many layers at either end count as its end.
    """
    return unpack(_flood(solid, axis, layers)[0], solid.shape[2])[:-1, :-1]


@functools.partial(jax.jit, static_argnames="axis")
def joins_ends(solid: Bool[Array, "x y z"], axis: int = 2, layers: Int[Array, ""] | int = 1) -> Bool[Array, ""]:
    """Whether any solid voxel reaches both ends."""
    return _flood(solid, axis, layers)[0].any()


def _flood(
    solid: Bool[Array, "x y z"], axis: int, layers: Int[Array, ""] | int
) -> tuple[UInt32[Array, "i j words"], Int[Array, ""]]:
    """Bit masks of the voxels that reach both ends, and how many rounds that took.

    From each end a flood runs along whole lines of solid voxels, along z, y and x in turn, until nothing is new. So
    the rounds are as many as the longest of the shortest ways has bends, not voxels.
    """
    # Where a step of a loop costs nothing, one layer after another is the least work; a GPU would wait at each.
    run = _run_by_layers if jax.default_backend() == "cpu" else _run_by_doubling
    open_ = pack(solid)
    place = jax.lax.broadcasted_iota(jnp.int32, solid.shape, axis)
    ends = place < layers, place >= solid.shape[axis] - layers
    reached = jnp.stack([pack(solid & end) for end in ends])

    def sweep(state):
        before, _, rounds = state
        new = before
        for direction in (2, 1, 0):
            new = run(new, open_, direction)
        return new, (new != before).any(), rounds + 1

    start = reached, jnp.asarray(True), jnp.zeros((), jnp.int32)
    reached, _, rounds = jax.lax.while_loop(lambda state: state[1], sweep, start)
    return reached[0] & reached[1], rounds


def _run_by_layers(reached: Words, solid: UInt32[Array, "i j words"], axis: int) -> Words:
    """`_run_by_doubling` as two passes over the layers across the axis."""
    given = jnp.moveaxis(reached, axis + 1, 0), jnp.moveaxis(solid, axis, 0)
    for reverse in (False, True):

        def layer(before, here, down=reverse):
            reached, solid = here
            if axis < 2:
                reached = reached | before & solid
            else:
                reached = _fill_words(reached | _carry(before, down) & solid, solid, down)
            return reached, reached

        given = jax.lax.scan(layer, jnp.zeros_like(given[0][0]), given, reverse=reverse)[1], given[1]
    return jnp.moveaxis(given[0], 0, axis + 1)


def _carry(words: UInt32[Array, "..."], down: bool) -> UInt32[Array, "..."]:
    """What a word hands on to the next one: its last place as the first, or downward the other way."""
    return words << (WORD - 1) if down else words >> (WORD - 1)


def _fill_words(reached: UInt32[Array, "..."], solid: UInt32[Array, "..."], down: bool) -> UInt32[Array, "..."]:
    """Inside each word, the solid places that follow without a gap on a reached one."""
    shift = jax.lax.shift_right_logical if down else jax.lax.shift_left
    run = jnp.broadcast_to(solid, reached.shape)
    for far in (1, 2, 4, 8, 16):
        step = jnp.full_like(run, far)
        reached, run = reached | run & shift(reached, step), run & shift(run, step)
    return reached


def _run_by_doubling(reached: Words, solid: UInt32[Array, "i j words"], axis: int) -> Words:
    """Everything on a line of solid voxels along an axis, both ways, that has a reached voxel.

    By doubling: after n steps a voxel is reached from as far as 2^n - 1, if all between is solid. `run` says so of the
    way up to a voxel, hence, moved back by the step, of the way down to it. The step is a number of the program and
    not of the loop's text, so that one pair of kernels serves all of them.
    """
    length = WORD * solid.shape[2] if axis == 2 else solid.shape[axis]

    def step(n, state):
        reached, run = state
        far = jnp.int32(1) << n
        upward = _move(reached, far, axis) & run
        # The way from here up to the voxel `far` above is solid where the run up to the voxel before it is.
        downward = _move(reached & _move(run, jnp.int32(1), axis), -far, axis)
        return reached | upward | downward, run & _move(run, far, axis)

    doublings = max(length - 1, 1).bit_length()
    return jax.lax.fori_loop(0, doublings, step, (reached, solid))[0]


def _move(words: UInt32[Array, "... i j words"], by: Int[Array, ""], axis: int) -> UInt32[Array, "... i j words"]:
    """The voxels moved up an axis by a number of places, down if it is negative; nothing comes in at the border."""
    if axis < 2:
        return _take(words, by, axis - 3)
    word, bit = by // WORD, (by % WORD).astype(jnp.uint32)
    # A shift by the whole width of a word is not defined, so the last of it is made a shift of its own.
    carried = (_take(words, word + 1, -1) >> (WORD - 1 - bit)) >> 1
    return (_take(words, word, -1) << bit) | carried


def _take(words: UInt32[Array, "... i j words"], by: Int[Array, ""], axis: int) -> UInt32[Array, "... i j words"]:
    length = words.shape[axis]
    padding = [(0, 0)] * words.ndim
    padding[axis] = length, length
    return jax.lax.dynamic_slice_in_dim(jnp.pad(words, padding), length - by, length, axis)
