"""A user's own account: name, preferences, password, and the notices about it."""
