"""What all kinds of records share."""
