"""A study in a file that any number of processes share: the file, its locks, replaying it, its snapshot."""
