"""Smoothing by damped Jacobi steps: simpler than Chebyshev's polynomial, but weaker for the same work."""

import equinox as eqx

from ..levels import SmoothedLevel
from ..operator import Field
from ..parts.sums import spread


class Jacobi(eqx.Module):
    r"""Steps $u \leftarrow u + \frac{\omega}{\lambda_{\max}} D^{-1} (f - A u)$, convergent for $0 < \omega < 2$.

    $\omega$ = 4/3 damps the upper half of the spectrum best. The preconditioner is symmetric, since the same polynomial
    in $D^{-1}A$ acts before and after the coarse correction. Source: Briggs, Henson & McCormick, A Multigrid
    Tutorial (2000), chapter 2.
    """

    steps: int = eqx.field(static=True, default=2)
    damping: float = eqx.field(static=True, default=4 / 3)

    @property
    def applications(self) -> int:
        """Applications of the operator from a given displacement."""
        return self.steps

    def __call__(self, level: SmoothedLevel, force: Field, u: Field | None = None) -> Field:
        """Displacement under a force, improved from `u` by `steps` steps."""
        length = spread(self.damping / level.largest, force)
        u = length * level.jacobi(force) if u is None else u + length * level.jacobi(force - level.apply(u))
        for _ in range(self.steps - 1):
            u = u + length * level.jacobi(force - level.apply(u))
        return u
