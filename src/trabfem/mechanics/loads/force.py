"""Loads of a given force."""

import equinox as eqx

from .axial import platens
from .base import LoadCase


class ForcePlate(eqx.Module):
    """A rigid plate that presses on the top face with a given force (N, negative is compression).

    The plate cannot tilt, so the answer is the displacement-controlled one scaled until its reaction is the force.
    Remodelling needs it: under displacement control a weakening bone unloads itself.
    """

    force: float = eqx.field(static=True)
    case: LoadCase = eqx.field(static=True, default=platens(-0.01))
