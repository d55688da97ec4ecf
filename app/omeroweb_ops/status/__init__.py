"""One screen for an administrator: how this OMERO.web is, and what to do about what is not well.

Read-only and without Django. Collected once (`collect`, over `ops_endpoints` and `local_files`),
each part by itself; judged and shown by pure functions (`warnings`, `show`).
"""
