"""Who came in, who was refused, and who changed what keeps the house safe."""
