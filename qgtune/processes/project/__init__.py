"""The code of the project that an app belongs to: its files, what a process has loaded of them, a copy of it."""
