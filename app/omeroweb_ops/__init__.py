"""The part of the bundle that runs in OMERO.web's virtualenv."""
