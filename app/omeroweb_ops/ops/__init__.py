"""Health and metrics: a Django app, label `ops`, at ops/live, ops/ready, ops/metrics
and, for NGINX, ops/session.

gunicorn's workers hand these addresses to the app's own URLconf before OMERO.web sees them (see
`serving`). The app is not in `omero.web.apps`: that list is the administrator's, who sees, exports
and replaces it. And there each question would pass OMERO.web's middleware, which refuses a check
that comes by a socket or an address (allowed_hosts), wants the session store to be there, and is
the administrator's to change too. Where another WSGI server than the bundle's gunicorn runs
OMERO.web, `omeroweb_ops.ops` in omero.web.apps serves the same addresses, without counted requests.
"""
