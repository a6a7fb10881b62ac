"""Which secret key the database was made with, and how it is exchanged for another."""
