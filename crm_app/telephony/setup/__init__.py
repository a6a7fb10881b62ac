"""Set-up of the connection with the PBX: its health checks, and what they say."""
