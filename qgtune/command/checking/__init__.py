"""`qgtune check`: what the files are, and what is wrong in them."""
