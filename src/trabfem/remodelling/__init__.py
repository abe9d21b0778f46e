"""Bone remodelling on voxels: one step of mechanics, cells and surface motion."""
