"""Several sweeps beside each other: their best values, and how fast each came there."""
