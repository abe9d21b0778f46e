"""Rules by which bone adapts, one file each. To add one, write a class that meets `Rule` and add it to `BY_NAME`."""

from trabfem.errors import UserError

from .binary_flips import BinaryFlips
from .grey_advection import GreyAdvection
from .level_set import LevelSet
from .protocol import DiggingRule, Pits, Rule, RuleClass, no_pits

BY_NAME: dict[str, RuleClass] = {
    "level-set": LevelSet,
    "grey-advection": GreyAdvection,
    "binary-flips": BinaryFlips,
}
"""Rules by the name that a configuration gives."""


def rule_by_name(name: str) -> RuleClass:
    """The rule of this name in a configuration; UserError for an unknown name."""
    if name not in BY_NAME:
        raise UserError(f"rule = {name}: choose one of {', '.join(BY_NAME)}")
    return BY_NAME[name]


def name_of_rule(rule: RuleClass) -> str:
    """The name of `rule` in a configuration; the name of its class if it is not in `BY_NAME`."""
    return next((name for name, known in BY_NAME.items() if known is rule), rule.__name__)


__all__ = [
    "BY_NAME",
    "BinaryFlips",
    "DiggingRule",
    "GreyAdvection",
    "LevelSet",
    "Pits",
    "Rule",
    "RuleClass",
    "name_of_rule",
    "no_pits",
    "rule_by_name",
]
