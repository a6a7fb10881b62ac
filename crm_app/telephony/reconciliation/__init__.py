"""Comparing the log with the PBX's statistics, and adding what is missing."""
