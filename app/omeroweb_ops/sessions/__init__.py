"""OMERO.web's sessions: where they are stored, and clearing out those that have expired."""
