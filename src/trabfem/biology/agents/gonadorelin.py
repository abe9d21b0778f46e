"""Gonadorelin, given in pulses."""

from typing import ClassVar

import jax.numpy as jnp

from trabfem.biology.agents.base import PEPTIDE_RATE, Agent, Form, Signals
from trabfem.biology.parameters import Parameters
from trabfem.biology.scalars import Scalar
from trabfem.constants import Constant


class Gonadorelin(Agent):
    """Pulses of GnRH, which stimulate LH and so the testis independently of the hypothalamus."""

    name: ClassVar[str] = "gonadorelin"
    mechanism: ClassVar[str] = "drives LH, and so the testis, whatever the hypothalamus does"
    route: ClassVar[str] = "under the skin"
    source: ClassVar[str] = "PMC4568382"
    forms: ClassVar[tuple[Form, ...]] = (Form("pulses", 1.0, "x"),)
    onset: ClassVar[Constant] = PEPTIDE_RATE
    drive: ClassVar[Constant] = Constant(0.7, "-", "PMC4568382: restores or keeps testicular output; size chosen")

    def act(self, signals: Signals, exposure: Scalar, parameters: Parameters) -> Signals:
        """Share of the missing stimulation that the pulses replace: 1 − (1 − drive)^dose."""
        axis = signals.axis
        supplied = -jnp.expm1(exposure * jnp.log1p(-self.drive.value))
        return signals._replace(axis=axis._replace(pulses=axis.pulses + supplied * (1.0 - axis.pulses)))


AGENTS = (Gonadorelin(),)
