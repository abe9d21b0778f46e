"""Members of a study, and what differs between them.

A member has its own seed of the BMUs and its own draw of the cell model's parameters from their posterior. Both follow
from the study's seed and the member's number alone, and every member starts from the same bone, so a member's result
depends neither on the number of members nor on the order or process in which they run.
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
        """Name of its folder within the arm's folder."""
        return f"member_{self.number:04d}"


def draw_member(seed: int, number: int) -> Member:
    """Member `number` of the study with `seed`; UserError where the seed is negative."""
    if seed < 0:
        raise UserError(f"seed = {seed}: give 0 or more")
    own, draw = (int(word) for word in np.random.SeedSequence([seed, number]).generate_state(2))
    values = np.exp(posterior_draws(1, draw)[0])
    return Member(number, own >> 1, Parameters(**{name: float(v) for name, v in zip(NAMES, values, strict=True)}))


def make_members(seed: int, count: int) -> tuple[Member, ...]:
    """The members of a study. A single member has the calibrated cell model and the study's own seed."""
    if count < 1:
        raise UserError(f"members = {count}: give at least 1")
    if count == 1:
        return (Member(0, seed),)
    return tuple(draw_member(seed, number) for number in range(count))
