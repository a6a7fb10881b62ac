"""Callers whom nobody knows become contacts and leads; which numbers never do."""
