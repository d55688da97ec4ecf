"""Read the doctor's expectations of the site, a file without secrets of the web role."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Expectations:
    """What the doctor expects of a site.

    url: the public URL; None if the inventory does not have it. tls: as in `nginx_tls`: off,
    self-signed, acme or certificate. http_port: NGINX's port that redirects to https.
    cors_origins: the origins of other sites whose pages may call.
    """

    url: str | None = None
    tls: str = "certificate"
    http_port: int = 80
    cors_origins: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Expectations:
        """Read a file; without a file, return what is expected of any site. Raises ValueError."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**data, "cors_origins": tuple(data["cors_origins"])})
        except FileNotFoundError:
            return cls()
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not readable ({error}); deploy again") from None

    def dump(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    def checked(self) -> Expectations:
        """Return self if the URL can be requested. Raises ValueError."""
        if self.url is None:
            raise ValueError(
                "the public URL is not known; pass --url, or set nginx_server_name in the "
                "inventory and deploy"
            )
        parts = urlsplit(self.url)
        _ = parts.port  # raises ValueError if it is not a port
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{self.url} is not a URL. Example: https://images.example.org/")
        return self

    @property
    def public(self) -> str:
        return self.url or ""

    @property
    def secure(self) -> bool:
        return self.public.startswith("https:")

    @property
    def host(self) -> str:
        return urlsplit(self.public).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.public).port or (443 if self.secure else 80)

    @property
    def scheme(self) -> str:
        return "https" if self.secure else "http"

    @property
    def netloc(self) -> str:
        """The host and port, as in a browser's Host header."""
        return urlsplit(self.public).netloc

    @property
    def origin(self) -> str:
        """The origin, as in a browser's Origin header."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def prefix(self) -> str:
        """The prefix: '' or like '/omero'."""
        return urlsplit(self.public).path.rstrip("/")
