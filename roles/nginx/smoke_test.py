"""Request the public URL as a visitor, as the last step of a deploy. Read-only."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Annotated

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
_CLOSED = "planned maintenance is on"
# The pages that OMERO.web redirects to: the site's own index page, the public user's page or the
# login page. A site's own templates may have any title.
_START = re.compile(r"status 200 \S+/(index|webclient|webclient/login)/(\?\S*)?")


class PublicUrlResponse(HostFact[list[str]]):
    """The answers of the URL, which is followed to the login page, and of one of its static files.

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


@operation()
def verify_public_url(url: str, own: str, port: int) -> Generator[FunctionCommand, None, None]:
    """Print OMERO.web's URL, or fail with the problem and the doctor's errors.

    + url: the public URL
    + own: NGINX's own URL, which is requested
    + port: NGINX's port
    """
    if host.state.is_executing:  # before that, nothing is deployed
        answer = host.get_fact(PublicUrlResponse, url=own, port=port)
        problem = problem_in(answer)
        if problem:
            causes = "".join(f"\n    - {each}" for each in host.get_fact(DoctorErrors))
            yield fail(f"{url} does not show OMERO.web's login page: {problem}{causes}")
        elif _CLOSED in answer:
            logger.info(f"{host.print_prefix}{_CLOSED}: {url} shows the maintenance page")
        else:
            logger.info(f"{host.print_prefix}OMERO.web is at {url}")


def problem_in(answer: list[str]) -> str | None:
    """Return the problem in an answer of `PublicUrlResponse`, or None."""
    if _CLOSED in answer and any(line.startswith("status 503 ") for line in answer):
        return None  # as expected; only an address in nginx_maintenance_allow sees the site
    if _TITLE not in answer and not any(map(_START.fullmatch, answer)):
        return "; ".join(answer) or "no answer"
    static = [line for line in answer if line.startswith("static ")]
    bad = [line for line in static if not line.startswith("static 200")]
    return "; ".join(bad) or None
