"""Scripts of the repository: pages made of the code, pictures, releases."""
