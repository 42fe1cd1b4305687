"""How a sweep is shown while it runs. Knows studies, but not Hydra."""
