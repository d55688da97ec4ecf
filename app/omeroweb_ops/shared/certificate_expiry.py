"""Define when a TLS certificate should be renewed."""

from __future__ import annotations

from datetime import timedelta

EXPIRY_WARNING = timedelta(days=21)  # before its end
