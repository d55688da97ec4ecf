"""What a visitor without a login meets on a public site. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ...property_names import PUBLIC_PASSWORD, PUBLIC_URL_FILTER, PUBLIC_USER
from ..anonymous_probe import AnonymousVisit
from ..http import Answer
from ..public_probe import PublicState
from ..result import CheckResult

# Answers of a view that has let the visitor in: the page, or that there is no such image.
_LET_IN = (200, 400, 404)


def findings(seen: PublicState) -> Iterator[CheckResult]:
    """Check the visit; nothing if the site is not public."""
    if seen.anonymous:
        yield _views(seen.anonymous)
        if seen.anonymous.page:
            yield _page(seen.anonymous.page, seen)
        yield _admin(seen.anonymous.admin)
        yield _robots(seen.anonymous.robots)


def _views(visit: AnonymousVisit) -> CheckResult:
    apps = Counter(each.app for each in visit.views.opened)
    listed = ", ".join(f"{count} of {app}" for app, count in apps.items()) or "none of OMERO.web"
    message = f"visitors without a login reach these views: {listed} (omeroweb-ops public-views)"
    if visit.views.admin or visit.views.changing:
        return CheckResult(
            "public views", "error", f"{message}; some must not be open", PUBLIC_URL_FILTER
        )
    if not visit.views.opened:
        return CheckResult("public views", "warning", message, PUBLIC_URL_FILTER)
    return CheckResult("public views", "ok", message)


def _page(page: Answer, seen: PublicState) -> CheckResult:
    if page.status in _LET_IN:
        return CheckResult("public user", "ok", f"a visitor without a login is let in: {page}")
    if page.status == 429:
        message = f"{page}: too many requests without a session came from here; ask again later"
        return CheckResult("public user", "info", message)
    if page.status in (302, 403):
        if any(seen.local.servers.values()):
            message = f"{page}: visitors cannot be let in while an OMERO.server is unreachable"
            return CheckResult("public user", "warning", message)
        message = (
            f"{page}: OMERO.server does not let the public user in, so visitors have to log in"
        )
        return CheckResult("public user", "error", message, f"{PUBLIC_USER}, {PUBLIC_PASSWORD}")
    return CheckResult("public user", "error", f"{page}; OMERO.web's log may say why")


def _admin(admin: Answer) -> CheckResult:
    if admin.status == 200:
        message = f"{admin}: a visitor without a login sees OMERO's users"
        return CheckResult("public admin", "error", message, PUBLIC_URL_FILTER)
    return CheckResult("public admin", "ok", "the pages of the administration need a login")


def _robots(robots: Answer) -> CheckResult:
    if robots.status == 200 and "Disallow: /" in robots.text:
        return CheckResult("robots", "ok", f"{robots.url} keeps crawlers out of some pages")
    message = f"{robots}: crawlers may have every image rendered"
    return CheckResult("robots", "info", message, "nginx_robots")
