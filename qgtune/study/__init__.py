"""A study and the trials in it: what it owes, how an attempt lives, where it is kept. Knows nothing of Hydra."""
