"""One box that finds people and leads."""
