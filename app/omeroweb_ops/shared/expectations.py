"""What a deploy tells the doctor: a small file without secrets, written by the web role."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Expectations:
    """url: the public one; None where the inventory does not say it. tls: as `nginx_tls` has it:
    off, self-signed or certificate. http_port: where visitors without https are sent on.
    cors_origins: pages of other sites that may ask."""

    url: str | None = None
    tls: str = "certificate"
    http_port: int = 80
    cors_origins: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Expectations:
        """Without a file, what can be expected of any site. Raises ValueError."""
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
        """Itself, if the URL can be asked. Raises ValueError."""
        if self.url is None:
            raise ValueError(
                "the public URL is not known here; give --url, or write nginx_server_name in the "
                "inventory and deploy"
            )
        parts = urlsplit(self.url)
        _ = parts.port  # raises ValueError where it is none
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{self.url} is no URL like https://images.example.org/")
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
        """Host and port, as a browser's Host header has them."""
        return urlsplit(self.public).netloc

    @property
    def origin(self) -> str:
        """As a browser's Origin header has it."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def prefix(self) -> str:
        """'' or like '/omero'."""
        return urlsplit(self.public).path.rstrip("/")
