"""The sweeper, as a Hydra plugin."""
