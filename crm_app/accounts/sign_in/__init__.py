"""Signing in: password, one-time links, the list of sessions, and the password asked again."""
