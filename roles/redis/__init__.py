"""Redis, which keeps OMERO.web's sessions and cache: `role` deploys Redis on a host."""
