"""Verbs that change a study or its folder: a trial that runs nowhere, checkpoints that nobody needs."""
