"""What is stored of a call: its facts as they came, and what the fold makes of them."""
