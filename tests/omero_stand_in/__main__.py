"""The command line of the stand-in."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.omero_stand_in.calls import Calls
from tests.omero_stand_in.content import Account, Content, Sizes

DESCRIPTION = """
A stand-in for OMERO.server: OMERO.web logs in, browses and downloads over the real Ice protocol.

It needs Python with omero-py, zeroc-ice and Pillow, and the command openssl. The release of a web
host has them, and is used if this machine has one. Otherwise copy the stand-in to a web host:

    tar -c tests/omero_stand_in | ssh HOST tar -x
    ssh HOST /opt/omero/web/venv3/bin/python -m tests.omero_stand_in --user ada:secret

Then set omero.web.server_list to [["HOST", 4064, "stand-in"]], unless OMERO.web is on that host.
"""
EPILOG = """
SIGUSR1 prints which Ice operations were called and which of them the stand-in does not have; so
does the end, by SIGTERM or Ctrl-C. Sessions, and what was uploaded, are forgotten then.
"""
RELEASE_PYTHON = Path("/opt/omero/web/venv3/bin/python")
UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}


def account(text: str) -> Account:
    """Read a user. Raises argparse.ArgumentTypeError."""
    try:
        return Account.parse(text)
    except ValueError as mistake:
        raise argparse.ArgumentTypeError(f"{text!r}: {mistake}") from None


def size(text: str) -> int:
    """Read a number of bytes, such as 4G. Raises ValueError."""
    return int(float(text[:-1]) * UNITS[text[-1]]) if text[-1:] in UNITS else int(text)


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        "./run python -m tests.omero_stand_in",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = options.add_argument
    add("--user", action="append", type=account, required=True, dest="users",
        metavar="NAME:PASSWORD[:GROUP[,GROUP][:FULL NAME]]",
        help="who may log in; repeatable")  # fmt: skip
    add("--address", default="0.0.0.0", help="where to listen (%(default)s)")
    add("--port", type=int, default=4064, help="of ssl (%(default)s)")
    add("--tcp-port", type=int, default=0,
        help="without TLS, to which OMERO.web changes after the login; 4063 in OMERO.server, "
        "none here by default")  # fmt: skip
    add("--wss-port", type=int, default=0, help="for wss://HOST:PORT/omero-wss; none by default")
    add("--certificate", type=Path, metavar="PEM",
        help="key and certificate in one file; a self-signed one is made otherwise")  # fmt: skip
    add("--version", default="5.6.17", help="of OMERO.server (%(default)s)")
    add("--idle-timeout", type=float, default=600, metavar="SECONDS",
        help="until an unused session ends (%(default)s)")  # fmt: skip
    add("--projects", type=int, default=2, metavar="N", help="of each user (%(default)s)")
    add("--datasets", type=int, default=2, metavar="N", help="in each project (%(default)s)")
    add("--images", type=int, default=3, metavar="N", help="in each dataset (%(default)s)")
    add("--image-size", type=int, default=256, metavar="PIXELS", help="each way (%(default)s)")
    add("--file-size", type=size, default="1M", metavar="BYTES",
        help="of each original file, as 4G; made when read, not stored (%(default)s)")  # fmt: skip
    add("--calls", type=Path, metavar="FILE", help="write the list of calls there too, as JSON")
    return options


def main() -> None:
    """Run until a signal ends it."""
    options = parser().parse_args()
    missing = [name for name in ("Ice", "omero", "PIL") if importlib.util.find_spec(name) is None]
    if missing and RELEASE_PYTHON.exists() and sys.executable != str(RELEASE_PYTHON):
        os.execv(RELEASE_PYTHON, [str(RELEASE_PYTHON), "-m", "tests.omero_stand_in", *sys.argv[1:]])
    if missing:
        sys.exit(f"{sys.executable} has no {', '.join(missing)}.\n{DESCRIPTION}")
    from tests.omero_stand_in.server import Endpoints, Server, listening
    from tests.omero_stand_in.sessions import Sessions

    sizes = Sizes(
        projects=options.projects,
        datasets=options.datasets,
        images=options.images,
        file=options.file_size,
        image=options.image_size,
    )
    content = Content(options.users, sizes)
    calls = Calls(options.calls)
    sessions = Sessions(content, options.idle_timeout)
    server = Server(content, sessions, calls, options.version, options.tcp_port)
    signals = {signal.SIGUSR1, signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # also in the threads of Ice
    with _certificate(options.certificate) as certificate:
        endpoints = Endpoints(
            options.address, options.port, certificate, options.tcp_port, options.wss_port
        )
        with listening(server, endpoints):
            print(f"listening: {endpoints.text}", flush=True)
            while signal.sigwait(signals) == signal.SIGUSR1:
                _report(calls)
    _report(calls)


def _report(calls: Calls) -> None:
    print(calls.text(), flush=True)
    calls.write()


@contextlib.contextmanager
def _certificate(given: Path | None) -> Iterator[Path]:
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key"), Path(folder, "certificate")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
             "-subj", "/CN=omero-stand-in", "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
        both = Path(folder, "both.pem")
        both.write_text(key.read_text() + certificate.read_text())
        yield both


if __name__ == "__main__":
    main()
