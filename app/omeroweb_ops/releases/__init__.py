"""Releases on a host: which there are, their trial, their static files."""
