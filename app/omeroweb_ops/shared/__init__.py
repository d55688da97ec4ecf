"""Modules that the controller imports, too, so they need only the standard library."""
