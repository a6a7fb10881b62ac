"""Users, their roles, sign-in and invitations."""
