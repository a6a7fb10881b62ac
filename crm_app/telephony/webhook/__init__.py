"""Notifications of the PBX: taken, verified, and stored or spooled before the answer."""
