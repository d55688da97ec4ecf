"""Show the state of this OMERO.web on one screen, and a remedy for each problem.

Read-only and without Django. `collect` reads each part once, with `ops_endpoints` and
`local_files`. The pure functions of `warnings` and `show` check and print the parts.
"""
