"""Versions of the packages that results depend on."""

import importlib.metadata
import platform

PACKAGES = ("trabfem", "jax", "numpy", "scipy", "equinox", "diffrax", "h5py")


def versions() -> dict[str, str]:
    """Version of Python and of each package."""
    known = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            known[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            known[package] = "not installed"
    return known
