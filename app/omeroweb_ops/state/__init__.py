"""The state engine: what OMERO.web's configuration should be, is, and how to get there.

`schema` knows the properties, `config_xml` the file, `desired` the wish, `plan` the difference,
`apply` makes it so. Only the standard library is used: a plan must not cost a Django start.
"""
