"""Ask the public URL as a visitor would, and name the setting to change.

Read-only. Probed once (`public_probe`, over `http`, `certificate` and `local_probe`), checked by
pure functions (`checks`), reported for people or programs (`report`).
"""
