"""How a sweep runs: plan, compose, launch, write. Knows Hydra; reads no YAML by itself."""
