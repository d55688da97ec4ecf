"""One file for each Slice interface, with the operations that OMERO.web calls."""

import omero.clients  # noqa: F401 # completes omero.api and omero.model
