"""Request the public URL as a visitor, as the last step of a deploy. Read-only."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError
from pyinfra import host, logger
from pyinfra.api import FunctionCommand, operation

from ..host_paths import OPS_COMMAND
from ..operations import shell_file
from ..operations.facts import HostFact, fail
from ..operations.privilege import limited, printable
from .maintenance_page import PLANNED

_VISIT = shell_file.read(__file__, "visit.sh")
_LINE_SIZE = 2_000  # characters
_TITLE = "OMERO.web - Login"
_SITE, _ELSEWHERE = "site", "elsewhere "
_CLOSED = "planned maintenance is on"


class PublicUrlResponse(HostFact[list[str]]):
    """The answers of the URL, which is followed within the site, and of one of its static files.

    The NGINX host itself sends the requests, because names and firewalls between the host and its
    visitors are not part of the deploy.
    """

    def command(self, url: str, port: int) -> str:
        return shell_file.command(_VISIT, url, port, _TITLE, _CLOSED, planned=f"{PLANNED}/planned")

    @staticmethod
    def default() -> list[str]:
        return []

    def process(self, output: list[str]) -> list[str]:
        return [printable(line.strip()[:_LINE_SIZE]) for line in output]


class Check(BaseModel):
    """One check of `omeroweb-ops doctor --json`."""

    name: str
    status: str
    message: str
    setting: str


class Checks(BaseModel):
    """The output of `omeroweb-ops doctor --json`, which runs as the service's user."""

    checks: Annotated[list[Check], Field(max_length=1000)]


class DoctorErrors(HostFact[list[str]]):
    """The errors that `omeroweb-ops doctor` finds; none if OMERO.web is on another host."""

    def command(self) -> str:
        asked = limited(f"{OPS_COMMAND} doctor --json 2> /dev/null", seconds=120)
        return f"[ ! -x {OPS_COMMAND} ] || {{ {asked}\n}}; true"

    @staticmethod
    def default() -> list[str]:
        return []

    def process(self, output: list[str]) -> list[str]:
        try:
            checks = Checks.model_validate_json("\n".join(output)).checks
        except ValidationError:
            return []
        return [
            printable(f"{each.name}: {each.message} (see {each.setting or 'its log'})"[:_LINE_SIZE])
            for each in checks
            if each.status == "error"
        ]


def _origin(line: str) -> str:
    """Return the origin of the URL in a line about another host, whose query may have a secret."""
    parts = urlsplit(line.removeprefix(_ELSEWHERE))
    return f"{parts.scheme}://{parts.netloc}/"


@operation()
def verify_public_url(
    url: str, own: str, port: int, own_login: bool = False
) -> Generator[FunctionCommand, None, None]:
    """Print OMERO.web's URL, or fail with the problem and the doctor's errors.

    + url: the public URL
    + own: NGINX's own URL, which is requested
    + port: NGINX's port
    + own_login: whether the site has another login view than OMERO.web's own
    """
    if host.state.is_executing:  # before that, nothing is deployed
        answer = host.get_fact(PublicUrlResponse, url=own, port=port)
        problem = problem_in(answer, own_login=own_login)
        if problem:
            causes = "".join(f"\n    - {each}" for each in host.get_fact(DoctorErrors))
            yield fail(f"{url} does not show OMERO.web: {problem}{causes}")
        elif _CLOSED in answer:
            logger.info(f"{host.print_prefix}{_CLOSED}: {url} shows the maintenance page")
        else:
            elsewhere = [line for line in answer if line.startswith(_ELSEWHERE)]
            more = "".join(
                f", which sends visitors to {_origin(line)}; the login there is not checked"
                for line in elsewhere
            )
            logger.info(f"{host.print_prefix}OMERO.web is at {url}{more}")


def _is_the_site(answer: list[str], *, own_login: bool) -> bool:
    """Return whether an answer is that of a site that works.

    A root application, an index page and another login view may have any path and any title, and
    single sign-on leads to another host: NGINX's header shows that the answer is of this site.
    """
    if _SITE not in answer:
        return _TITLE in answer
    if any(line.startswith(_ELSEWHERE) for line in answer):
        return True
    fine = ("200", "401", "403") if own_login else ("200",)
    return any(line.startswith(tuple(f"status {each} " for each in fine)) for line in answer)


def problem_in(answer: list[str], *, own_login: bool = False) -> str | None:
    """Return the problem in an answer of `PublicUrlResponse`, or None.

    own_login: whether omero.web.login_view is another view than OMERO.web's own, which may refuse a
    visitor whom its proxy has not authenticated.
    """
    if _CLOSED in answer and any(line.startswith("status 503 ") for line in answer):
        return None  # as expected; only an address in nginx_maintenance_allow sees the site
    shown = [line for line in answer if not line.startswith(_SITE)]
    if not _is_the_site(answer, own_login=own_login):
        return "; ".join(shown) or "no answer"
    static = [line for line in answer if line.startswith("static ")]
    bad = [line for line in static if not line.startswith("static 200")]
    return "; ".join(bad) or None
