"""Installed releases, their trial and their static files."""
