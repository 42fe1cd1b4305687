"""What a trial prints: kept in a file of the trial, and announced to whoever shows it."""
