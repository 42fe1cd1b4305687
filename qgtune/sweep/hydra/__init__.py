"""What Hydra calls by itself: the callback of plain runs and of sweeps that start."""
