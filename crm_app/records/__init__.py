"""What every noun shares: its columns, its entry in the registry, its bin, its notes."""
