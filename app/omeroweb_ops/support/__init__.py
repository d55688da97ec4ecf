"""Collect status, doctor, versions, logs and configuration into one archive without secrets.

Root's script /opt/omero/web/bin/support reads what only root may read, and passes it to this
command, which runs as OMERO.web's user in the sandbox. So root opens no file of another user.
"""
