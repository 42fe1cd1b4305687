"""The tests: the specification of qgtune."""
