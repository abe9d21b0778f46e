"""The preconditioner: a K-cycle with any smoother. Step lengths are numbers of each part of a mesh."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .levels import CoarsestLevel, Hierarchy
from .operator import Field
from .parts.sums import PerPart, spread
from .smoothers import Chebyshev, Smoother


class KCycle(eqx.Module):
    """Multigrid whose coarse problems are solved by a few steps of preconditioned flexible conjugate gradients.

    Source: Notay & Vassilevski, Numer. Linear Algebra Appl. 15:473 (2008). The step lengths of CG correct
    the excess stiffness of bent struts on coarse levels, which a V-cycle would accumulate over levels. With `inner` = 1
    it is the V-cycle, a fixed symmetric operator. `smoother` acts before and after the coarse correction.
    """

    smoother: Smoother = Chebyshev()
    inner: int = eqx.field(static=True, default=2)

    @property
    def fine_applications(self) -> int:
        """Applications of the fine operator in one cycle."""
        return 2 * self.smoother.applications

    def __call__(self, levels: Hierarchy, residual: Field) -> Field:
        """Approximate displacement for a residual force on the first of `levels`."""
        level, *below = levels
        if isinstance(level, CoarsestLevel):
            return level.solve(residual)
        u = self.smoother(level, residual)
        coarse = level.restrict(residual - level.apply(u))
        solve = self if len(below) == 1 or self.inner == 1 else self._inner_solve
        u = u + level.prolong(solve(tuple(below), coarse))
        return self.smoother(level, residual, u)

    def _inner_solve(self, levels: Hierarchy, residual: Field) -> Field:
        """Solve a coarse problem approximately, in a loop: unrolling would trace the coarsest level 2^levels times."""
        level = levels[0]
        assert not isinstance(level, CoarsestLevel)

        def step(_, state):
            u, residual, before, its_image, its_curvature = state
            direction = self(levels, residual)
            image = level.apply(direction)
            along = spread(_ratio(level.dot(direction, its_image), its_curvature), residual)
            direction, image = direction - along * before, image - along * its_image
            curvature = level.dot(direction, image)
            length = spread(_ratio(level.dot(direction, residual), curvature), residual)
            return u + length * direction, residual - length * image, direction, image, curvature

        none = jnp.zeros_like(residual)
        start = (none, residual, none, none, level.zeros(residual.dtype))
        return jax.lax.fori_loop(0, self.inner, step, start)[0]


def _ratio(numerator: PerPart, denominator: PerPart) -> PerPart:
    """The ratio, or 0 where the curvature is 0: without a direction yet, or with no residual left."""
    usable = denominator > 0
    return jnp.where(usable, numerator / jnp.where(usable, denominator, 1), 0)


DEFAULT = KCycle()
