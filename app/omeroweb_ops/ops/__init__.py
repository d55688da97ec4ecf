"""Health and metrics: a Django app, label `ops`, at ops/live, ops/ready, ops/metrics
and, for NGINX, ops/session.

gunicorn's workers pass these addresses to the app's own URLconf before OMERO.web (see
`middleware`). The app is not in `omero.web.apps`, because administrators see, export and replace
that list. There, each request would also pass OMERO.web's middleware, which refuses a check by a
socket or an address (allowed_hosts), needs the session store, and may be changed by administrators,
too. If another WSGI server than the bundle's gunicorn runs OMERO.web, `omeroweb_ops.ops` in
omero.web.apps provides the same addresses, without counted requests.
"""
