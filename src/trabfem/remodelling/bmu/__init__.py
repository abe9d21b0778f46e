"""Basic multicellular units (BMUs): birth sites, births, pits, refilling, perforation."""

from .births import give_birth
from .bmus import (
    DIGGING,
    NUMBERS,
    REFILLING,
    Bmus,
    BmuSettings,
    forget_perforation,
    make_pits,
    no_bmus,
    place_on_device,
)
from .pace import compute_pace
from .perforation import count_window
from .population import initial_bmus
from .refilling import finish_pits
from .sites import BirthSites, find_birth_sites
from .sums import sum_by_bmu

__all__ = [
    "DIGGING",
    "NUMBERS",
    "REFILLING",
    "BirthSites",
    "BmuSettings",
    "Bmus",
    "make_pits",
    "compute_pace",
    "count_window",
    "find_birth_sites",
    "finish_pits",
    "forget_perforation",
    "give_birth",
    "initial_bmus",
    "no_bmus",
    "place_on_device",
    "sum_by_bmu",
]
