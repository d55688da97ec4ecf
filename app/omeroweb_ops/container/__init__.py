"""Run OMERO.web in a container, with settings from the environment."""
