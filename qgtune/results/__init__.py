"""What comes out of a study: its best trials, configs and files."""
