"""Look up when the certificate of the public URL ends, in the background."""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Lock, Thread

from ..locations import Locations
from ..shared import certificate
from ..shared.expectations import Expectations

_MAX_AGE = 300.0  # seconds for which a result is used
_WAIT = 2.0  # seconds that a scrape waits for a new result


class CertificateEnd:
    """The last result of one worker. A scrape does not wait for a server that does not answer."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._begun = -_MAX_AGE
        self._end: float | None = None

    def get(self, locations: Locations) -> float | None:
        """Return the end in seconds since 1970, 0 if it is over; None if it is not known."""
        with self._lock:
            due = time.monotonic() - self._begun >= _MAX_AGE
            if due:
                self._begun = time.monotonic()
        if due:
            thread = Thread(target=self._look, args=(locations,), daemon=True)
            thread.start()
            thread.join(_WAIT)
        return self._end

    def _look(self, locations: Locations) -> None:
        end = None
        with suppress(OSError, ValueError):
            end = look(locations)
        self._end = end


def look(locations: Locations) -> float | None:
    """Return the end, as `CertificateEnd.get`. Raises OSError and ValueError.

    Many hosts do not reach their own public name, so NGINX on the same host is asked directly. If a
    proxy in front of NGINX has the certificate, the public name is asked.
    """
    expected = Expectations.load(locations.site).checked()
    if not expected.secure:
        return None
    is_here = locations.nginx_status.exists() and expected.tls != "off"
    address = "127.0.0.1" if is_here else expected.host
    found = certificate.examine(address, expected.port, expected.host)
    return 0 if found.dates == "expired" else found.end
