"""The names of OMERO.web's properties that the code reads or writes itself."""

HOST = "omero.web.application_server.host"
PORT = "omero.web.application_server.port"
