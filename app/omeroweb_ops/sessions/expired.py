"""Decide whether a session file has expired, as Django's file backend does. Pure: no I/O.

In django/contrib/sessions/backends/file.py, the key `_session_expiry` of a session decides (if it
is a number of seconds, the file backend never removes the session). A session without this key, and
a file that cannot be decoded, expires SESSION_COOKIE_AGE after its file was last written. So the
file's age decides unless the key is in the data, and this needs no check of the signature.
"""

from __future__ import annotations

import zlib
from binascii import Error, a2b_base64

_KEY = b"_session_expiry"  # json.dumps has only this form
_LARGE = 1_000_000  # bytes
_STANDARD = bytes.maketrans(b"-_", b"+/")


def expired(content: bytes, written: float, now: float, age: float) -> bool | None:
    """Return whether a session has expired; None if only Django can decide.

    written, now: seconds since the epoch. age: seconds.
    """
    if not content:
        return False  # the placeholder of a session that is being created
    if len(content) > _LARGE or not content.isascii() or _may_have_its_own_expiry(content):
        return None
    return written + age - now < 1  # Django truncates the seconds left, and compares with <= 0


def _may_have_its_own_expiry(content: bytes) -> bool:
    """Return whether the data may have the key.

    The format of django.core.signing is [.]BASE64:TIME:SIGNATURE, with a dot if compressed.
    """
    payload = content.partition(b":")[0].translate(_STANDARD)
    compressed = payload.startswith(b".")
    try:
        data = a2b_base64(payload[compressed:] + b"==")
        if compressed:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(data, _LARGE)
            if unpacker.unconsumed_tail:
                return True
    except (Error, zlib.error):
        return False  # Django cannot decode it either
    return _KEY in data
