"""Security events: who signed in, who was refused, who changed rights and settings."""
