"""The commands `omeroweb-ops config …` and `omeroweb-ops release …`."""
