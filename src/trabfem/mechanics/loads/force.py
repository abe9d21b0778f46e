"""Loads of a given force."""

import equinox as eqx

from .axial import platens
from .base import LoadCase


class ForcePlate(eqx.Module):
    """A rigid plate that presses on the top face with a given force (N, negative is compression).

    The plate cannot tilt, so the solution is that under displacement control, scaled to this reaction force.
    Remodelling needs this load, because under a constant displacement a weakening bone carries less force.
    """

    force: float = eqx.field(static=True)
    case: LoadCase = eqx.field(static=True, default=platens(-0.01))
