"""Whose number it is: the contacts that have it, and those somebody said it is not."""
