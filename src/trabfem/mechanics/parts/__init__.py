"""Several specimens as one mesh whose parts do not touch: each stops for itself, as if it were alone."""
