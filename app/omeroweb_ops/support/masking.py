"""Mask secrets in any text: known ones, and what looks like one by its name or its form. Pure.

The text may be hostile, so no expression takes more than linear time: none has two neighbours that
match the same characters without a limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..state.redaction import MASK, redact

MAX_LINE = 20_000  # characters; the rest of a longer line is left out
_WORD = (
    r"(?:secret|token|passw|passphrase|credential|dsn|pwd|cookie|csrf(?![\w.]{0,20}origins)|bsession|signature|"
    r"authorization|session[_-]?(?:id|key|uuid)|sessid|api_?key|"
    r"(?<![A-Za-z])key(?!error|board|word))"
)
_NAME = re.compile(_WORD, re.I)
# name=value, "name": value, ["NAME", value]; a value without quotes has the rest of the line,
# because a password may have any character
_NAMED = re.compile(
    rf"(?P<head>{_WORD}[\w.-]{{0,60}}(?:\\*[\"'][ \t]*[,:]|[ \t]*(?:=>|[=:]|%3d))[ \t]*[bru]?)"
    r"(?P<value>\\*\"(?:[^\"\\\n]|\\.)*\"?|\\*'(?:[^'\\\n]|\\.)*'?|[^\n]+)",
    re.I,
)
# A value in a query or a form, so that the rest of a URL stays readable
_QUERY = re.compile(r"(?P<head>[?&](?P<name>[\w.%-]{1,80})=)[^&\s\"']*")
# A directive of NGINX: proxy_set_header Authorization "…"; secure_link_secret …;
_DIRECTIVE = re.compile(
    r"(?P<head>^[ \t]*(?P<name>[\w.-]{1,80}(?:[ \t]+[\w.-]{1,80})?)[ \t]+)(?P<value>[^\n;]+);", re.M
)
_SCHEME = re.compile(r"(?P<head>\b(?:basic|bearer|digest|negotiate)[ \t]+)[^\s\"',;]+", re.I)
_CLIENT = re.compile(r"(?P<head>\bclient: )[^\s,]+")  # a visitor's address in NGINX's error log
_USERINFO = re.compile(r"(?P<head>://)[^/?#\s@\"']+@")
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|-(?!----END))*", re.S)
# Session keys, CSRF tokens, digests, base64: long runs that no language has
_RUN = re.compile(r"[A-Za-z0-9+/_-]{20,}=*")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_PLAIN = ("true", "false", "True", "False", "null", "None", "")
_PART = re.compile(r"[A-Za-z0-9]{20,}")


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text without secrets. secrets: the known ones, which are masked in any quoting."""
    text = "\n".join(line[:MAX_LINE] for line in redact(text, secrets).split("\n"))
    text = _PEM.sub(MASK, text)
    text = _USERINFO.sub(rf"\g<head>{MASK}@", text)
    for pattern in (_SCHEME, _CLIENT):
        text = pattern.sub(rf"\g<head>{MASK}", text)
    text = _DIRECTIVE.sub(_if_named, text)
    text = _QUERY.sub(_if_named, text)
    text = _NAMED.sub(_named, text)
    return _RUN.sub(lambda found: _run(found[0]), text)


def _if_named(found: re.Match[str]) -> str:
    if not _NAME.search(found["name"]):
        return found[0]
    return found["head"] + MASK + (";" if found[0].endswith(";") else "")


def _named(found: re.Match[str]) -> str:
    shown = found["value"].strip("\"',;}] ")
    plain = shown in _PLAIN or shown.startswith(MASK)  # or an earlier expression has masked it
    return found[0] if plain else found["head"] + MASK


def _run(run: str) -> str:
    """Return a run of letters, digits and +/_-= with a mask if it is a token, or has one."""
    kinds = (any(map(test, run)) for test in (str.islower, str.isupper, str.isdigit))
    if len(run) >= 24 and all(kinds):
        return MASK
    return _PART.sub(lambda found: MASK if _is_token(found[0]) else found[0], _UUID.sub(MASK, run))


def _is_token(part: str) -> bool:
    return len(part) >= 32 or not (part.isalpha() or part.isdigit())
