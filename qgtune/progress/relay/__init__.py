"""What processes write, taken in so that it can be printed above a live view."""
