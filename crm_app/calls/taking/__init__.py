"""Earlier calls of a number or an extension go to whom it belongs now, and back."""
