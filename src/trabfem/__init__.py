"""Trabecular bone from a voxel scan: stiffness and strength over years of menopause, ageing and treatment.

Rooms, lowest first: `specimen`, `mechanics`, `biology`, `remodelling`, `render`. Each is imported when first touched,
so that `import trabfem` opens no device and sets no option.
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"
ROOMS = ("biology", "constants", "errors", "mechanics", "remodelling", "render", "specimen")


def __getattr__(name: str) -> ModuleType:
    """Import the room `name` on first use."""
    if name in ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *ROOMS])
