"""Who did what to which record, old and new; and the notes that people leave on records."""
