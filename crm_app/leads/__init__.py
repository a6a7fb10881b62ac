"""Possible sales and the stages they move through."""
