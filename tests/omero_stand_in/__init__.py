"""A stand-in for OMERO.server: OMERO.web logs in, browses and downloads over the real Ice protocol.

It keeps its few users, images and files in memory and answers what OMERO.web asks of them. What it
does not know raises an exception that says so, and is listed: see calls.py.
"""
