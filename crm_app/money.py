"""Amounts of money, which are kept as whole cents."""

LARGEST_CENTS = 10**13
