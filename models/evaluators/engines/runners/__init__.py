"""Scripts that run inside an attempt: each is copied there, runs alone, and imports nothing of the project."""
