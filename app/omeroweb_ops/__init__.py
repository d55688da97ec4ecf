"""What the bundle runs inside OMERO.web's virtualenv."""
