"""Check the site's own URLs (web_checks) after a change, on OMERO.web's own port.

NGINX may be on another host, or may show planned maintenance. So OMERO.web gets the requests as
from NGINX: with the site's name and scheme.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from .login_page import Address

REQUEST_TIMEOUT = 30.0  # seconds
_MAX_REDIRECTS = 5
_MAX_PAGE_SIZE = 5_000_000  # bytes of a page that are searched
_SHOWN = 200  # characters of a page


@dataclass(frozen=True)
class SiteCheck:
    """One entry of web_checks.

    url: as the inventory has it. path: with the prefix and the query. host: for the Host header.
    text: part of the page, if it is not None.
    """

    url: str
    path: str
    host: str
    scheme: str = "http"
    status: int = 200
    text: str | None = None


@dataclass(frozen=True)
class _Answer:
    status: int
    text: str
    location: str = ""


def dump(checks: list[SiteCheck]) -> str:
    return json.dumps([asdict(each) for each in checks], indent=1) + "\n"


def load(path: Path) -> list[SiteCheck]:
    """Return the checks of the last deploy; none without a file. Raises ValueError."""
    try:
        return [SiteCheck(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not readable ({error}); deploy again") from None


def problems(checks: list[SiteCheck], address: Address) -> Iterator[str]:
    """Yield a sentence for each check that fails. address: OMERO.web's own."""
    for check in checks:
        problem = _problem(check, address)
        if problem:
            yield f"web_checks: {check.url} {problem}"


def _problem(check: SiteCheck, address: Address) -> str | None:
    try:
        answer = _last(check, address)
    except (OSError, http.client.HTTPException) as error:
        return f"must answer {check.status}, and does not answer: {error or type(error).__name__}"
    if answer.status != check.status:
        target = f" (to {answer.location})" if answer.location else ""
        return f"must answer {check.status}, not {answer.status}{target}"
    if check.text is not None and check.text not in answer.text:
        shown = " ".join(answer.text.split())
        more = "…" if len(shown) > _SHOWN else ""
        return f"must have the text {check.text!r}, not: {shown[:_SHOWN]}{more}"
    return None


def _last(check: SiteCheck, address: Address) -> _Answer:
    """Return the answer after redirects within the site, unless a redirect is expected."""
    path = check.path
    answer = _get(check, address, path)
    for _ in range(_MAX_REDIRECTS):
        if check.status in range(300, 400) or not answer.location:
            break
        target = urlsplit(urljoin(f"{check.scheme}://{check.host}{path}", answer.location))
        if target.hostname != urlsplit(f"//{check.host}").hostname:
            break
        path = target._replace(scheme="", netloc="", fragment="").geturl() or "/"
        answer = _get(check, address, path)
    return answer


def _get(check: SiteCheck, address: Address, path: str) -> _Answer:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=REQUEST_TIMEOUT)
    headers = {"Host": check.host, "X-Forwarded-Proto": check.scheme, "Accept": "*/*"}
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        text = answer.read(_MAX_PAGE_SIZE).decode(errors="replace")
        location = answer.getheader("Location") or ""
        return _Answer(answer.status, text, location if 300 <= answer.status < 400 else "")
    finally:
        connection.close()
