"""What somebody must do, by when, for whom."""
