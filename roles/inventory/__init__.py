"""Settings and secrets of the administrator, and what follows from them for the site.

Pure: no pyinfra, no host.
"""
