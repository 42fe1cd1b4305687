"""Loggers, a file each: `hydra/sweeper/logger=[csv,mlflow]`. Their libraries are imported when a sweep uses them."""
