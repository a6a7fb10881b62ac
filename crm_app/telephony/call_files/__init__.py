"""Lists of calls that the PBX's cabinet gives as CSV: read, shown before they are taken in."""
