"""Get a certificate from an ACME authority."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime

from pyinfra import host, logger
from pyinfra.api import FunctionCommand, Host, State, StringCommand, operation

from ..host_paths import ACME_RENEWAL, ACME_STAMP
from ..inventory import certificate as checks
from ..inventory.acme import AcmeCertificate
from ..inventory.member import Member
from ..operations import run_context
from ..operations.connector import connector_arguments
from ..operations.facts import Secret, fail
from ..operations.sync import read_states
from . import acme, acme_refusal


@dataclass(frozen=True)
class _Refusal:
    """The reason why a host has got no certificate in this run."""

    message: str


@operation()
def certificate(
    member: Member, given: AcmeCertificate, eab_key: Secret | None, present: bytes
) -> Generator[FunctionCommand, None, None]:
    """Get a certificate, unless NGINX has a valid one for these names from this authority.

    A failure is reported by `report` at the end of the deploy, which needs no certificate: NGINX
    keeps the one that it has.

    + member: the host
    + given: the authority, and the account there
    + eab_key: of the account, if it was made beforehand
    + present: NGINX's certificate, as the survey has found it
    """
    stamp, renewal = read_states((ACME_STAMP, ACME_RENEWAL))
    known = stamp == acme.stamp(member, given).state and renewal != "absent"
    if not (known and checks.is_valid(present, acme.names(member), datetime.now(UTC))):
        yield FunctionCommand(_obtain, (member, given, eab_key), {})


def _obtain(
    state: State, host: Host, member: Member, given: AcmeCertificate, eab_key: Secret | None
) -> bool:
    names = acme.names(member)
    logger.info(f"{host.print_prefix}asking {given.acme.server} for {', '.join(names)}")
    configuration = acme.configuration(member, given, eab_key.text if eab_key else None)
    done, output = host.run_shell_command(
        StringCommand(acme.obtain(member, given, configuration)),
        **{**connector_arguments(host), "_stdin": configuration},
    )
    if not done:
        message = acme_refusal.explain(output.output, given.acme, names)
        run_context.of(state).put(_Refusal(message), host.name)
    return True


@operation()
def report() -> Generator[FunctionCommand, None, None]:
    """Fail if this run has got no certificate for the host."""
    refusal = run_context.of(host.state).get(_Refusal, host.name)
    if refusal:
        yield fail(refusal.message)
