"""Report by mail or webhook what the doctor finds: once when it breaks, once when it is well again.

A deploy copies this package to the host, where root runs it with Debian's Python, because it also
reports a release that is broken. So it uses only the standard library, and imports nothing
of `omeroweb_ops`. The doctor runs as OMERO.web's user in the sandbox: its output is untrusted.
"""
