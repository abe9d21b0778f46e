"""Rules by which bone adapts, one file each; all answer `begin`, `fill`, `distance`, `remove`, `free` and `advance`."""

from .binary_flips import BinaryFlips
from .grey_advection import GreyAdvection
from .level_set import LevelSet

Rule = LevelSet | GreyAdvection | BinaryFlips

__all__ = ["BinaryFlips", "GreyAdvection", "LevelSet", "Rule"]
