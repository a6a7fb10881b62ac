"""Who is here: away until when, with which deputy, or off shift."""
