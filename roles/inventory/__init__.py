"""What the administrator wrote: settings, secrets, and what follows for the site.

Pure: no pyinfra, no host.
"""
