"""Smoothers, which reduce the high-frequency part of the error on every level. To add one, add a file."""

from typing import Protocol, runtime_checkable

from ..levels import SmoothedLevel
from ..operator import Field
from .chebyshev import Chebyshev
from .jacobi import Jacobi

__all__ = ["Chebyshev", "Jacobi", "Smoother"]


@runtime_checkable
class Smoother(Protocol):
    """The smoother of a `KCycle`: an `equinox.Module`, so that compiled programs accept it.

    For conjugate gradients to converge it must be a fixed polynomial in $D^{-1}A$, or symmetric in another way.
    """

    @property
    def applications(self) -> int:
        """Applications of the operator from a given displacement; one fewer from zero."""
        ...

    def __call__(self, level: SmoothedLevel, force: Field, u: Field | None = None) -> Field:
        """Displacement under a force, improved from `u`, or from zero."""
        ...
