"""The journal of notifications: what the PBX said, as it came, and what would follow today."""
