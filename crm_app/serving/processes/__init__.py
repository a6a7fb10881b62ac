"""What `flask serve` starts, watches and ends."""
