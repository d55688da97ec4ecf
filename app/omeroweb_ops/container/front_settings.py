"""Read what OMERO.web must know of the NGINX container, from the variables of that container.

The NGINX container checks each of its variables with the inventory's own model. Here are only those
from which OMERO.web's cookies, origins and names follow.
"""

from __future__ import annotations

from ..shared import setting_values
from ..shared.front_door import HTTPS_PORT, FrontDoor
from .variable_reader import VariableReader, as_data

TLS, SERVER_NAME = "NGINX_TLS", "NGINX_SERVER_NAME"
PORT, PROXY = "NGINX_HTTPS_PORT", "NGINX_BEHIND_PROXY"
CERTIFICATE, PROXY_ADDRESSES, PROXY_TLS = f"{TLS}_CERTIFICATE", f"{PROXY}_ADDRESSES", f"{PROXY}_TLS"
NAMES = (TLS, SERVER_NAME, PORT, PROXY, CERTIFICATE, PROXY_ADDRESSES, PROXY_TLS)
_TLS_HINT = 'off, self-signed or {"certificate": "site.pem", "key": "site.key"}'
_PROXY_HINT = 'addresses or {"addresses": ["10.0.0.5", "10.1.0.0/16"], "tls": true}'
_NAME_HINT = 'the name visitors use, for example "omero.example.org"'


def read(reader: VariableReader) -> FrontDoor:
    """Return what visitors use of NGINX. Without a variable, they use http and any name."""
    proxy_tls = reader.value(PROXY, _proxy_tls, _PROXY_HINT)
    if reader.text(PROXY_ADDRESSES):
        proxy_tls = reader.boolean(PROXY_TLS) if reader.text(PROXY_TLS) else True
    return FrontDoor(
        reader.value(SERVER_NAME, _names, _NAME_HINT) or (),
        reader.value(TLS, _has_tls, _TLS_HINT) or reader.text(CERTIFICATE) is not None,
        reader.number(PORT, 1, setting_values.LAST_PORT) or HTTPS_PORT,
        proxy_tls,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(setting_values.server_names(" ".join(text.split())).split())


def _has_tls(text: str) -> bool:
    if text in ("off", "self-signed"):
        return text == "self-signed"
    files = as_data(text) if text.startswith("{") else {}
    if files.keys() != {"certificate", "key"}:
        raise ValueError(f"{text!r} is not valid")
    if not all(isinstance(path, str) and path for path in files.values()):
        raise ValueError("a path is not text")
    return True


def _proxy_tls(text: str) -> bool:
    known = as_data(text) if text.startswith(("[", "{")) else text.replace(",", " ").split()
    proxies = known if isinstance(known, dict) else {"addresses": known}
    unknown = proxies.keys() - {"addresses", "tls"}
    addresses, tls = proxies.get("addresses"), proxies.get("tls", True)
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} is not known")
    if not isinstance(addresses, list) or not addresses:
        raise ValueError("addresses is missing")
    for address in addresses:
        setting_values.network(address if isinstance(address, str) else "")
    if not isinstance(tls, bool):
        raise ValueError("tls is neither true nor false")
    return tls
