"""The checks of `omeroweb-ops doctor`: pure functions of what the probes saw."""
