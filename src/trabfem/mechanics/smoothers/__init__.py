"""Smoothers: what takes the short-waved part of an error away on every level; a new one is a file with a `Smoother`."""

from typing import Protocol, runtime_checkable

from ..levels import SmoothedLevel
from ..operator import Field
from .chebyshev import Chebyshev
from .jacobi import Jacobi

__all__ = ["Chebyshev", "Jacobi", "Smoother"]


@runtime_checkable
class Smoother(Protocol):
    """What a `KCycle` smooths with: an `equinox.Module`, so that it can be handed to compiled programs.

    For conjugate gradients to converge it must be a fixed polynomial in $D^{-1}A$, or symmetric in another way.
    """

    @property
    def applications(self) -> int:
        """Applications of the operator from a given displacement; from zero it takes one less."""
        ...

    def __call__(self, level: SmoothedLevel, force: Field, u: Field | None = None) -> Field:
        """Displacement under a force, improved from `u`, or from zero."""
        ...
