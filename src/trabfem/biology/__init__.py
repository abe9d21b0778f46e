"""Hormones, drugs and bone cells, without voxels."""
