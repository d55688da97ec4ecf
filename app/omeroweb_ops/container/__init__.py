"""OMERO.web in a container: its process and its settings from the environment."""
