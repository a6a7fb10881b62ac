"""All that knows the Zadarma cloud PBX, and nothing of us."""
