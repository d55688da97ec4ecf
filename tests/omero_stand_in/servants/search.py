"""omero.api.Search: objects by a word of their name."""

from __future__ import annotations

from typing import Any

import omero.api

from tests.omero_stand_in.context import Context
from tests.omero_stand_in.entity import Entity
from tests.omero_stand_in.objects import Marshaller


class Search:
    """One for each client that opens one. Other conditions than class and text change nothing."""

    interface = omero.api.Search

    def __init__(self, context: Context) -> None:
        self.context = context
        self.kind = ""
        self.found: list[Entity] = []

    def onlyType(self, kind: str, current: Any) -> None:
        self.kind = kind.rpartition(".")[2]

    def byFullText(self, text: str, current: Any) -> None:
        words = [each.strip("*") for each in text.lower().split()]
        visible = self.context.content.visible(self.context.user, self.kind, -1)
        self.found = [each for each in visible if any(w in str(each.name).lower() for w in words)]

    def byLuceneQueryBuilder(
        self, fields: str, start: str, end: str, date: str, text: str, current: Any
    ) -> None:
        self.byFullText(text, current)

    def hasNext(self, current: Any) -> bool:
        return bool(self.found)

    def results(self, current: Any) -> list[Any]:
        found, self.found = self.found, []
        marshaller = Marshaller(self.context.user)
        return [marshaller.object(each) for each in found]

    def onlyOwnedBy(self, details: Any, current: Any) -> None:
        """All that is visible."""

    def setAllowLeadingWildcard(self, allow: bool, current: Any) -> None:
        """A word may stand anywhere."""

    def setBatchSize(self, size: int, current: Any) -> None:
        """All come at once."""

    def setCaseSensitive(self, sensitive: bool, current: Any) -> None:
        """It never is."""

    def addOrderByAsc(self, path: str, current: Any) -> None:
        """By id."""

    def close(self, current: Any) -> None:
        """Nothing is open."""
