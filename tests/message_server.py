"""A mail server and a webhook for tests: they write each message as a line of JSON.

Standard library only, because test hosts run this file: `python3 message_server.py FILE SMTP HTTP`.
"""

from __future__ import annotations

import base64
import json
import socketserver
import sys
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class MessageServer:
    """Both servers on loopback. received: each message. Messages are refused while a file exists.

    refused: beside the file of messages; ports: 0 for any free one.
    """

    def __init__(self, path: Path, smtp: int = 0, http: int = 0) -> None:
        self.path, self.refusal = path, path.with_name("refused")
        path.touch()
        server = self

        class Mail(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                server.converse(self)

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refused = server.refusal.exists()
                if not refused:
                    server.write({"kind": "webhook", "path": self.path, "data": json.loads(body)})
                self.send_response(503 if refused else 200)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.mail = socketserver.ThreadingTCPServer(("127.0.0.1", smtp), Mail)
        self.hook = ThreadingHTTPServer(("127.0.0.1", http), Hook)
        self.threads = [
            threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True)
            for each in (self.mail, self.hook)
        ]
        for thread in self.threads:
            thread.start()

    @property
    def smtp_port(self) -> int:
        return int(self.mail.server_address[1])

    @property
    def http_port(self) -> int:
        return int(self.hook.server_address[1])

    @property
    def received(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]

    def close(self) -> None:
        for each in (self.mail, self.hook):
            each.shutdown()
            each.server_close()

    def write(self, message: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(message) + "\n")

    def converse(self, handler: socketserver.StreamRequestHandler) -> None:
        """Answer one client (RFC 5321): a recipient that begins with `unknown` is refused."""

        def answer(line: str) -> None:
            handler.wfile.write(f"{line}\r\n".encode())

        recipients: list[str] = []
        login = ""
        answer("220 mail.example.org")
        for raw in handler.rfile:
            verb, _, rest = raw.decode().strip().partition(" ")
            if verb.upper() == "EHLO":
                answer("250-mail.example.org\r\n250 AUTH PLAIN")
            elif verb.upper() == "AUTH":
                login = base64.b64decode(rest.split()[1]).decode().replace("\0", " ").strip()
                answer("235 accepted")
            elif verb.upper() == "RCPT":
                recipient = rest.partition("<")[2].partition(">")[0]
                if self.refusal.exists():
                    answer("451 try again later")
                elif recipient.startswith("unknown"):
                    answer("550 no such user")
                else:
                    recipients.append(recipient)
                    answer("250 accepted")
            elif verb.upper() == "DATA":
                answer("354 go on")
                lines = []
                while (line := handler.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                mail = message_from_bytes(b"".join(lines), policy=policy.default)
                self.write(
                    {
                        "kind": "mail",
                        "to": recipients,
                        "login": login,
                        "headers": {name: str(value) for name, value in mail.items()},
                        "text": mail.get_content(),
                    }
                )
                recipients = []
                answer("250 accepted")
            elif verb.upper() == "QUIT":
                answer("221 bye")
                return
            else:
                answer("250 accepted")


if __name__ == "__main__":
    servers = MessageServer(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    servers.threads[0].join()
