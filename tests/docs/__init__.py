"""What the README and the pages of `docs/` show: each command, file and output is tried."""
