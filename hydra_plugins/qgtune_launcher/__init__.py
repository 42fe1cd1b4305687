"""The process launcher, as a Hydra plugin."""
