"""Rules by which bone adapts, one file each; all answer `begin`, `advance` and `fill`."""

from .level_set import LevelSet

__all__ = ["LevelSet"]
