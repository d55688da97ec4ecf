"""A small app of OMERO.web, to begin an app of your own with."""
