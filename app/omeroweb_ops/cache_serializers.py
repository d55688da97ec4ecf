"""Serialize OMERO.web's values for Redis (django-redis' OPTIONS["SERIALIZER"]).

A process that can write plain pickles to a store runs code in each process that reads the store.
A value that cannot be read counts as missing: a visitor without a session, an empty cache.
"""

from __future__ import annotations

import hmac
import json
import pickle
from typing import Any

SESSIONS = f"{__name__}.JSONSerializer"
CACHE = f"{__name__}.SignedPickleSerializer"
_SALT = b"omeroweb_ops.cache_serializers"
_DIGEST = "sha256"
_SIZE = 32  # bytes of a signature


class JSONSerializer:
    """Stores a session as a JSON object, as OMERO.web's session files do."""

    def __init__(self, options: object) -> None:
        """Accept the options that django-redis passes to every serializer."""

    def dumps(self, value: Any) -> bytes:
        """Return a value as JSON. Raises TypeError if JSON cannot have it."""
        from django.core.serializers.json import DjangoJSONEncoder

        return json.dumps(value, cls=DjangoJSONEncoder).encode()

    def loads(self, value: bytes) -> dict[str, Any] | None:
        """Return a session, or None for anything else."""
        return session(value)


class SignedPickleSerializer:
    """Stores a pickle after its signature by OMERO.web's secret key.

    OMERO.web's cache holds images as bytes and, for a public user, an object (Connector).
    """

    def __init__(self, options: object) -> None:
        """Accept the options that django-redis passes to every serializer."""

    def dumps(self, value: Any) -> bytes:
        """Return the signature and the pickle of a value."""
        return sign(pickle.dumps(value), _secret_key())

    def loads(self, value: bytes) -> Any:
        """Return the value, or None if the signature is not this OMERO.web's."""
        data = signed(value, _secret_key())
        return None if data is None else pickle.loads(data)


def session(value: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a text, or None for anything else."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def sign(data: bytes, key: bytes) -> bytes:
    """Return the signature followed by the data."""
    return hmac.digest(key, _SALT + data, _DIGEST) + data


def signed(value: bytes, key: bytes) -> bytes | None:
    """Return the data after a valid signature, or None."""
    signature, data = value[:_SIZE], value[_SIZE:]
    right = hmac.compare_digest(signature, hmac.digest(key, _SALT + data, _DIGEST))
    return data if right else None


def _secret_key() -> bytes:
    from django.conf import settings

    return str(settings.SECRET_KEY).encode()
