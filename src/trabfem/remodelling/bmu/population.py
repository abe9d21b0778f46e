"""The BMUs that are at work when a run begins: of all ages, as after births at a constant frequency."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..programs import compile_in_double
from .births import USUAL_COVER, give_birth
from .bmus import DIGGING, REFILLING, Bmus, BmuSettings, no_bmus, slots_for
from .sites import BirthSites, slope_at
from .sums import sum_by_bmu


def initial_bmus(sites: BirthSites, frequency: float, depth: float, day: float, seed: int, pits: BmuSettings) -> Bmus:
    """BMUs at work at `day` after births at constant `frequency`: their ages are spread over the life of a BMU.

    The pits of the specimen itself are part of its shape and cannot be told from it. BMUs that refill at `day` form
    bone on plain surface while others dig elsewhere, which keeps bone volume in balance from the first day.
    """
    life = DIGGING + REFILLING
    slots = slots_for(frequency, float(sites.area), USUAL_COVER)
    bmus = no_bmus(sites.phi.shape, slots)
    bmus, _ = give_birth(bmus, sites, frequency, depth, day - life, life, seed, pits)
    return set_ages(bmus, sites, day)


@compile_in_double()
def set_ages(bmus: Bmus, sites: BirthSites, day: float | Float[Array, ""]) -> Bmus:
    """The BMUs with their pits as far dug and refilled as belongs to their ages at `day`."""
    age = day - bmus.birth
    area = sum_by_bmu(bmus.owner, share_surface(bmus, sites), len(bmus.birth), sites.h**2)
    refilling = age >= DIGGING
    dug = jnp.where(refilling, bmus.depth * area, 0.0)
    filling = jnp.where(refilling, bmus.birth + DIGGING, jnp.inf)
    open_share = jnp.where(refilling, 1 - (age - DIGGING) / REFILLING, age / DIGGING)
    removed = jnp.where(jnp.isfinite(age), bmus.depth * area * jnp.clip(open_share, 0, 1), 0.0)
    return dataclasses.replace(bmus, filling=filling, dug=dug, removed=removed)


def share_surface(bmus: Bmus, sites: BirthSites) -> Float[Array, "x y z"]:
    """Area (mm^2) of surface in each voxel, weighted by the depth profile and the cosine to the axis of its pit."""
    voxels, owner = jnp.arange(bmus.owner.size, dtype=jnp.int32), bmus.owner.ravel()
    slope = slope_at(sites.phi, voxels)
    along = (slope * bmus.normal[jnp.maximum(owner - 1, 0)]).sum(-1)
    cosine = jnp.clip(-along / jnp.maximum(jnp.sqrt((slope**2).sum(-1)), 1e-9), 0, 1)
    share = jnp.where(owner > 0, cosine, 0.0).reshape(bmus.owner.shape)
    return sites.cover * share * bmus.weight
