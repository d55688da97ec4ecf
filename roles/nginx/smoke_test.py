"""The last step: ask the public URL as a visitor would. Read-only."""

from __future__ import annotations

import re
import shlex
from collections.abc import Generator
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError
from pyinfra import host, logger
from pyinfra.api import FunctionCommand, operation

from ..operations.facts import HostFact, fail
from ..operations.privilege import limited, printable
from .maintenance_page import PLANNED

_SECONDS = 10  # in which it is asked again
_NOW = "now=$(cut -d. -f1 /proc/uptime)"
_PAGE_SIZE = 2_000_000  # bytes of an answer that are kept, its end
_LINE_SIZE = 2_000  # characters
_TITLE = "OMERO.web - Login"
_CLOSED = "planned maintenance is on"
# Where OMERO.web leads from its start, whatever title a site's own templates have there: its own
# index page, the public user's page or the login page.
_START = re.compile(r"status 200 \S+/(index|webclient|webclient/login)/(\?\S*)?")


class PublicUrlResponse(HostFact[list[str]]):
    """Follow the URL to the login page and ask for one of its static files.

    Asked on the NGINX host itself: what lies between it and its visitors (names, firewalls) is not
    the host's to answer for. Two answers that hang, each with its static file, take the longest.
    """

    def command(self, url: str, port: int) -> str:
        _scheme, _, rest = url.partition("://")
        name = rest.split("/")[0].rsplit(":", 1)[0] if "]" not in rest else rest.split("]")[0] + "]"
        curl = (
            "curl -sSk --max-time 30 --proto =http,https "
            f"--resolve {shlex.quote(f'{name}:{port}:127.0.0.1')}"
        )
        return (
            # a moment's patience: a reloaded NGINX hands over to its new workers by and by, and an
            # old one may know the page and not where its static files are
            f"{_NOW}; end=$((now + {_SECONDS})); while {_NOW}; do static=; page=$({curl} -L "
            "-w '\\nstatus %{http_code} %{url_effective}\\n' "
            f"{shlex.quote(url)} 2>&1 | tail -c {_PAGE_SIZE}); "
            'file=$(echo "$page" | grep -oE "(href|src)=\\"[^\\"]+\\.(css|js)[^\\"]*" | '
            "head -n 1 | cut -d'\"' -f2); "
            f'case "$file" in /*) static=$({curl} -o /dev/null -w "static %{{http_code}} $file" '
            f'"{url.split("://")[0]}://{rest.split("/")[0]}$file" 2>&1) ;; esac; '
            'case "$static $page" in "static 200 "*"status 200 "*|" "*"status 200 "*) break; esac; '
            f"[ ! -e {PLANNED}/planned ] || {{ echo {shlex.quote(_CLOSED)}; break; }}; "
            '[ "$now" -lt "$end" ] || break; '
            "sleep 0.5; done; "
            f'echo "$page" | grep -oE "{_TITLE}|^status.*|^curl:.*"; echo "$static"; true'
        )

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
    """What `omeroweb-ops doctor --json` prints; it runs as the service's user."""

    checks: Annotated[list[Check], Field(max_length=1000)]


class DoctorErrors(HostFact[list[str]]):
    """The errors that `omeroweb-ops doctor` finds; none where OMERO.web is on another host."""

    def command(self) -> str:
        asked = limited("/usr/local/bin/omeroweb-ops doctor --json 2> /dev/null", seconds=120)
        return f"[ ! -x /usr/local/bin/omeroweb-ops ] || {{ {asked}\n}}; true"

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
    """Print where OMERO.web is, or fail and say what is wrong.

    + url: the public one
    + own: the one of NGINX itself, which is asked
    + port: of NGINX
    """
    if host.state.is_executing:  # while preparing there is nothing to ask yet
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
    """What is wrong with an answer of `Visit`; None if nothing is."""
    if _CLOSED in answer and any(line.startswith("status 503 ") for line in answer):
        return None  # as it should be; only an address in nginx_maintenance_allow sees more
    if _TITLE not in answer and not any(map(_START.fullmatch, answer)):
        return "; ".join(answer) or "no answer"
    static = [line for line in answer if line.startswith("static ")]
    bad = [line for line in static if not line.startswith("static 200")]
    return "; ".join(bad) or None
