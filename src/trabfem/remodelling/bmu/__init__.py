"""Basic multicellular units (BMUs): birth sites, births, pits, refilling, perforation."""

from .births import give_birth, initial_bmus
from .bmus import DIGGING, REFILLING, Bmus, BmuSettings, make_pits, no_bmus
from .refilling import compute_pace, finish_pits
from .sites import BirthSites, find_birth_sites

__all__ = [
    "DIGGING",
    "REFILLING",
    "BirthSites",
    "BmuSettings",
    "Bmus",
    "make_pits",
    "compute_pace",
    "find_birth_sites",
    "finish_pits",
    "give_birth",
    "initial_bmus",
    "no_bmus",
]
