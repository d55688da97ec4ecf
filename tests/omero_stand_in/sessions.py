"""Who is logged in: sessions that any client may join, and that end when nobody uses them."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.omero_stand_in.content import Content
from tests.omero_stand_in.entity import Entity


@dataclass
class Session:
    """A session of a user. used: monotonic seconds of the last call. servants: by their name."""

    uuid: str
    id: int
    user: Entity
    group: Entity
    started: float
    agent: str
    used: float = field(default_factory=time.monotonic)
    servants: dict[str, Any] = field(default_factory=dict)


class Refused(Exception):
    """A name and a password, or a session, that are not known."""


class Sessions:
    """All sessions. idle_timeout: seconds."""

    def __init__(self, content: Content, idle_timeout: float) -> None:
        self.content = content
        self.idle_timeout = idle_timeout
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._number = itertools.count(1)

    def log_in(self, name: str, password: str, agent: str) -> Session:
        """A new session, or the known one whose UUID both arguments are. Raises Refused."""
        if name == password:
            joined = self.find(name)
            if joined:
                return joined
        user = self.content.user(name)
        if user is None or self.content.passwords.get(name) != password:
            raise Refused(f"Password check failed for '{name}'")
        group = self.content.groups(user)[0]
        number = next(self._number)
        session = Session(str(uuid.uuid4()), number, user, group, time.time(), agent)
        with self._lock:
            self._sessions[session.uuid] = session
        return session

    def find(self, uuid: str) -> Session | None:
        """The session with that UUID, unless it is over; this counts as use."""
        now = time.monotonic()
        with self._lock:
            for each in [*self._sessions.values()]:
                if now - each.used > self.idle_timeout:
                    del self._sessions[each.uuid]
            session = self._sessions.get(uuid)
            if session:
                session.used = now
            return session

    def close(self, uuid: str) -> None:
        """End a session for everybody who has joined it."""
        with self._lock:
            self._sessions.pop(uuid, None)
