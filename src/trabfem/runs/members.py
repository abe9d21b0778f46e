"""Members of a study: what tells one from another.

A member has its own seed of the BMUs and its own draw of the cell model's parameters from their posterior. Both follow
from the study's seed and the member's number alone, and every member starts from the same bone, so no answer depends on
how many members there are, nor in which order or in which process they run.
"""

from dataclasses import dataclass

import numpy as np

from trabfem.biology.parameters import NAMES, Parameters, posterior_draws
from trabfem.errors import UserError


@dataclass(frozen=True)
class Member:
    """One member: its number from 0, the seed of its BMUs, and its cell model (the calibrated one where None)."""

    number: int
    seed: int
    parameters: Parameters | None = None

    @property
    def folder(self) -> str:
        """Its folder below an arm's."""
        return f"member_{self.number:04d}"


def draw_member(seed: int, number: int) -> Member:
    """Member `number` of the study with `seed`; UserError where the seed is negative."""
    if seed < 0:
        raise UserError(f"seed = {seed}: give 0 or more")
    own, draw = (int(word) for word in np.random.SeedSequence([seed, number]).generate_state(2))
    values = np.exp(posterior_draws(1, draw)[0])
    return Member(number, own >> 1, Parameters(**{name: float(v) for name, v in zip(NAMES, values, strict=True)}))


def members_of(seed: int, count: int) -> tuple[Member, ...]:
    """The members of a study. A single one is the calibrated cell model, and its BMUs have the study's own seed."""
    if count < 1:
        raise UserError(f"members = {count}: give at least 1")
    if count == 1:
        return (Member(0, seed),)
    return tuple(draw_member(seed, number) for number in range(count))
