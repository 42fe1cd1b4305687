"""Sweeps that run without anybody waiting for them."""
