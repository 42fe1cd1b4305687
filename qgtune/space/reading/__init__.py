"""From YAML to a search space: files, one pass over their nodes, the official sweeper's form, the schema."""
