"""omero.api.IQuery: queries of objects and of columns."""

from __future__ import annotations

from typing import Any

import omero.api
from omero.rtypes import rmap

from tests.omero_stand_in.context import Context
from tests.omero_stand_in.dispatch import not_implemented
from tests.omero_stand_in.entity import Entity
from tests.omero_stand_in.hql import Query as ParsedQuery
from tests.omero_stand_in.hql import Unsupported, parse
from tests.omero_stand_in.objects import Marshaller


class Query:
    """Over what the user may read."""

    interface = omero.api.IQuery

    def __init__(self, context: Context) -> None:
        self.context = context

    def projection(self, text: str, parameters: Any, current: Any) -> list[Any]:
        query = _parsed(text)
        rows = query.projection(self.context.scope(current, parameters))
        marshaller = Marshaller(self.context.user)
        named = " ".join(text.split()).lower()
        return [_row(row, marshaller, as_map="new map" in named) for row in _page(rows, parameters)]

    def findAllByQuery(self, text: str, parameters: Any, current: Any) -> list[Any]:
        query = _parsed(text)
        found = _page(query.entities(self.context.scope(current, parameters)), parameters)
        marshaller = Marshaller(self.context.user)
        return [marshaller.object(each, query.fetched) for each in found]

    def findByQuery(self, text: str, parameters: Any, current: Any) -> Any:
        found = self.findAllByQuery(text, parameters, current)
        if len(found) > 1:
            raise omero.ApiUsageException("", "ApiUsageException", f"More than one: {text}")
        return found[0] if found else None

    def get(self, kind: str, id: int, current: Any) -> Any:
        return self.context.marshal(self.context.find(_kind(kind), id))

    def find(self, kind: str, id: int, current: Any) -> Any:
        found = [each for each in self._visible(kind, current) if each.id == id]
        return self.context.marshal(found[0]) if found else None

    def findAll(self, kind: str, filter: Any, current: Any) -> list[Any]:
        return [self.context.marshal(each) for each in self._visible(kind, current)]

    def findAllByString(
        self, kind: str, name: str, value: str, exact: bool, filter: Any, current: Any
    ) -> list[Any]:
        found = [each for each in self._visible(kind, current) if getattr(each, name) == value]
        return [self.context.marshal(each) for each in found]

    def findByString(self, kind: str, name: str, value: str, current: Any) -> Any:
        found = self.findAllByString(kind, name, value, True, None, current)
        return found[0] if found else None

    def _visible(self, kind: str, current: Any) -> list[Entity]:
        group = self.context.group(current)
        return self.context.content.visible(self.context.user, _kind(kind), group)


def _kind(name: str) -> str:
    return name.rpartition(".")[2].removesuffix("I")


def _parsed(text: str) -> ParsedQuery:
    try:
        return parse(text)
    except Unsupported as refusal:
        raise not_implemented(f"a query: {refusal}") from None


def _page(found: list[Any], parameters: Any) -> list[Any]:
    page = parameters.theFilter if parameters else None
    first = page.offset.val if page and page.offset else 0
    return found[first : first + page.limit.val] if page and page.limit else found[first:]


def _row(row: list[tuple[str, Any]], marshaller: Marshaller, as_map: bool) -> list[Any]:
    values = {name: marshaller.column(name, value) for name, value in row}
    if as_map:
        return [rmap(values)]
    return [marshaller.column(name, value) for name, value in row]
