"""Find errors and warnings about the settings for calls from other origins (CORS)."""

from __future__ import annotations

from collections.abc import Iterator

from omeroweb_ops.property_names import CORS_ORIGIN_ALLOW_ALL, CORS_ORIGIN_WHITELIST
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.state.cors import COOKIES

from .member import Member
from .site import Site


def errors(site: Site, member: Member) -> Iterator[Finding]:
    settings = member.settings
    explicit = settings.web_config
    if settings.web_cors_origins:
        for name in explicit.keys() & {CORS_ORIGIN_WHITELIST, CORS_ORIGIN_ALLOW_ALL}:
            yield Finding(
                "web_cors_origins", f"contradicts {name} in web_config; set only one of them"
            )
    if not settings.web_cors_login:
        return
    if not settings.web_cors_origins:
        yield Finding("web_cors_login", "needs web_cors_origins; set the origins, or remove it")
    if not site.tls:
        yield Finding(
            "web_cors_login",
            "needs https, without which browsers send no cookies with calls from other sites; "
            'set nginx_tls, for example "self-signed"',
        )
    for samesite, secure in COOKIES.items():
        for name, needed in ((samesite, "none"), (secure, "true")):
            value = site.value(member, name)
            if name in explicit and str(value).lower() != needed:
                yield Finding(
                    "web_cors_login", f"contradicts {name} = {value!r}; set only one of them"
                )


def warnings(site: Site, member: Member) -> Iterator[Finding]:
    secure = [each for each in member.settings.web_cors_origins if each.startswith("https:")]
    if secure and not site.tls:
        yield Finding(
            "web_cors_origins",
            f"browsers block calls from an https page ({', '.join(secure)}) to a site without "
            "https; set nginx_tls",
        )
