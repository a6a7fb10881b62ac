"""Coming in and staying in: the sign-in itself, one-time links, and fresh proofs."""
