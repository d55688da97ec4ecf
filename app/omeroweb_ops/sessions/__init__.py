"""Find OMERO.web's session store, and remove expired sessions."""
