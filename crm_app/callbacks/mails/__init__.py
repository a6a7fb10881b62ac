"""Reminders of call-backs by e-mail: owed when they are due, sent a moment later."""
