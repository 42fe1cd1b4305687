"""Configurations that run several times: with which values, what they give together, when they are given up."""
