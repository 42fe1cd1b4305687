"""What a sweep and its trials ran with: code, packages, machine, times."""
