"""OMERO.web itself: `role` deploys OMERO.web on a host, `image` installs it in an image."""
