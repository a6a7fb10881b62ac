"""Text messages: those that came in, those that were sent, and the office's own texts for them."""
