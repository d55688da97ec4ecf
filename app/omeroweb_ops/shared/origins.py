"""Check origins as browsers send them: scheme, host and, unless it is the default, port."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}


def origin(value: str) -> str:
    """Return the origin unchanged. Raises ValueError with the text that must be set instead.

    django-cors-headers compares it as text with a request's header Origin
    (https://fetch.spec.whatwg.org), so it must have the form that browsers send.
    """
    if "*" in value or value in ("", "null"):
        raise ValueError(
            f"{value!r} is not an origin; list each origin, or for any site "
            'set "omero.web.cors_origin_allow_all": True in web_config instead'
        )
    full = value if "://" in value else f"https://{value}"
    try:
        parts = urlsplit(full)
        right = _as_sent(parts)
    except ValueError as error:
        raise ValueError(f"{value!r} is not an origin ({error})") from None
    if value != right:
        raise ValueError(f"{value!r} is not what browsers send; set {right!r}")
    return value


def _as_sent(parts: SplitResult) -> str:
    scheme, host, port = parts.scheme, parts.hostname, parts.port
    if scheme not in _PORTS:
        raise ValueError("neither http nor https")
    if not host or any(character.isspace() for character in host):
        raise ValueError("no host name")
    host = f"[{host}]" if ":" in host else host.encode("idna").decode()
    return f"{scheme}://{host}" + ("" if port in (None, _PORTS[scheme]) else f":{port}")
