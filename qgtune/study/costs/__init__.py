"""What a study may cost, what it has cost, and who may still spend."""
