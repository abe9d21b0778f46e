"""Rules by which bone adapts, one file each. A new one is a file with a class as of `Rule` and a line in `BY_NAME`."""

from trabfem.errors import UserError

from .binary_flips import BinaryFlips
from .grey_advection import GreyAdvection
from .level_set import LevelSet
from .protocol import DiggingRule, Pits, Rule, no_pits

BY_NAME: dict[str, type[Rule]] = {
    "level-set": LevelSet,
    "grey-advection": GreyAdvection,
    "binary-flips": BinaryFlips,
}
"""The names that a configuration knows."""


def rule_by_name(name: str) -> type[Rule]:
    """The rule that a configuration names; UserError for one that is not known."""
    if name not in BY_NAME:
        raise UserError(f"rule = {name}: choose one of {', '.join(BY_NAME)}")
    return BY_NAME[name]


def name_of_rule(rule: type[Rule]) -> str:
    """The name that a configuration gives `rule`; its class's name where it has none."""
    return next((name for name, known in BY_NAME.items() if known is rule), rule.__name__)


__all__ = [
    "BY_NAME",
    "BinaryFlips",
    "DiggingRule",
    "GreyAdvection",
    "LevelSet",
    "Pits",
    "Rule",
    "name_of_rule",
    "no_pits",
    "rule_by_name",
]
