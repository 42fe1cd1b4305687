"""From arguments to ready configs: what the command line asks for, and a trial's values in its config."""
