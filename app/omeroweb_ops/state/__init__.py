"""The state engine: compares OMERO.web's desired configuration with config.xml and applies it.

`schema` has the properties, `config_xml` the file, `desired` the desired state, `plan` the
difference, and `engine` applies it. Only the standard library is used, because importing Django
would slow down each plan.
"""
