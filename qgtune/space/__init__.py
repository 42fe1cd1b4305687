"""The search space: from YAML to Optuna distributions and back into configs."""
