"""Verbs that show a study as a page: the report, the dashboard."""
