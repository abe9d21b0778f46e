"""Linear elasticity on voxels; knows nothing of biology."""
