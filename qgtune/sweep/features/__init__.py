"""What a sweep does at a turn of its study's life: each feature is one file with a `Lifecycle` in it."""
