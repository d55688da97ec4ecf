"""Deploy hosts: a directory for each role, and the packages that the roles share."""
