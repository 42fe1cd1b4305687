"""Processes of ours: pools, signals, GPU slots, how a function travels. Knows neither studies nor Hydra."""
