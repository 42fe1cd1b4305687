"""The workers of a sweep: the loop, a trial as a Hydra job, and how they are launched."""
