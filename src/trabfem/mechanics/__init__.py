"""Linear elasticity on voxels, without biology."""
