"""NGINX in front of OMERO.web: `role` deploys NGINX on a host."""
