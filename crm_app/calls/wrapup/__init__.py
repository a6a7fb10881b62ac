"""What users write about a call, and the outcomes that the office offers for it."""
