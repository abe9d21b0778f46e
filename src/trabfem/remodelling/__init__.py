"""Mechanics and biology meet on the voxels."""
