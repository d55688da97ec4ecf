"""The host side of the bundle: one folder per role, and what the roles share."""
