"""One screen for an administrator: how this OMERO.web is, and what to do about what is not well.

Read-only and without Django. Collected once (`collect`, over `service` and `host`), each part by
itself; judged and shown by pure functions (`judge`, `show`).
"""
