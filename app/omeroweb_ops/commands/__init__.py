"""The words of `omeroweb-ops`: `config …` and `release …`."""
