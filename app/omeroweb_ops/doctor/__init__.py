"""Check the public URL as a visitor does, and name the setting to change.

Read-only. `public_probe` probes once, with `http`, `shared.certificate` and `local_probe`. The pure
functions of `checks` check the results, and `report` prints them for people or programs.
"""
