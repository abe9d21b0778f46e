"""What the bone is: voxels, spacing, shape measures, readers and synthetic volumes."""
