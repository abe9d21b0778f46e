"""Hormones, drugs and bone cells; knows nothing of voxels."""
