"""What makes a password acceptable, and how it is hashed and compared."""
