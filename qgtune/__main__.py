"""`python -m qgtune` is the command `qgtune`."""

from qgtune.command import main

main()
