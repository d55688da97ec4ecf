"""Whether a session file has expired, as Django's file backend decides it. Pure: no I/O.

django/contrib/sessions/backends/file.py: a session whose data hold `_session_expiry` ends by that
(or, where it is a number of seconds, never in the file backend); every other one, and every file
that cannot be decoded, ends SESSION_COOKIE_AGE after its file was last written. So a file's age
says all unless that key is in it, and to see that it is not, no signature has to be checked.
"""

from __future__ import annotations

import zlib
from binascii import Error, a2b_base64

_KEY = b"_session_expiry"  # json.dumps writes it in no other way
_LARGE = 1_000_000  # bytes
_STANDARD = bytes.maketrans(b"-_", b"+/")


def expired(content: bytes, written: float, now: float, age: float) -> bool | None:
    """None where only Django can tell. written, now: seconds since the epoch; age: seconds."""
    if not content:
        return False  # the placeholder of a session that is just being made
    if len(content) > _LARGE or not content.isascii() or _may_have_its_own_expiry(content):
        return None
    return written + age - now < 1  # Django drops the fraction of what is left, and asks for <= 0


def _may_have_its_own_expiry(content: bytes) -> bool:
    """Of django.core.signing: [.]BASE64:TIME:SIGNATURE, with a dot where it is compressed."""
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
        return False  # nor can Django decode it
    return _KEY in data
