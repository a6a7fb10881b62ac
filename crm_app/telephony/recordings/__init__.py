"""Recordings as the package of that name asks for them, from Zadarma's API."""
