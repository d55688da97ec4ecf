"""The part of Hibernate's query language that OMERO.web uses, over entities in memory.

https://docs.jboss.org/hibernate/orm/3.6/reference/en-US/html/queryhql.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.omero_stand_in.entity import Entity

Row = Mapping[str, Any]
Expression = Callable[["Scope", Row], Any]
Find = Callable[[str], Iterable[Entity]]

TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<parameter>:\w+)"
    r"|(?P<word>[A-Za-z_]\w*(?:\.\w+)*)|(?P<sign><>|<=|>=|!=|[-=<>(),+*/]))"
)
CLAUSES = {"from", "where", "order", "group", "join", "left", "inner", "outer", "fetch", "as", "on"}
CLAUSES |= {"and", "or", "asc", "desc", "having", "with"}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
# From left to right: nobody sends what needs precedence.
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "max": lambda values: max(values, default=None),
    "min": lambda values: min(values, default=None),
    "sum": lambda values: sum(values) if values else None,
}
GROUP = "*"  # in a row that stands for a group: its rows


class Unsupported(Exception):
    """A query has something that this module does not know."""


@dataclass(frozen=True)
class Scope:
    """What a query is evaluated with.

    find: all entities of a class that the user may read. parameters: by name.
    """

    find: Find
    parameters: Mapping[str, Any]


@dataclass
class Query:
    """A parsed query. fetched: paths from the first alias that are to come along."""

    columns: list[tuple[str, Expression]] = field(default_factory=list)
    aggregate: bool = False
    distinct: bool = False
    kind: str = ""
    alias: str = ""
    joins: list[tuple[str, str, bool]] = field(default_factory=list)
    where: Expression | None = None
    group: list[Expression] = field(default_factory=list)
    having: Expression | None = None
    order: list[tuple[Expression, bool]] = field(default_factory=list)
    fetched: set[tuple[str, ...]] = field(default_factory=set)

    def rows(self, scope: Scope, outer: Row | None = None) -> list[dict[str, Any]]:
        """The rows, each alias by its name: joined, filtered, grouped and sorted."""
        found = [{**(outer or {}), self.alias: each} for each in scope.find(self.kind)]
        for path, alias, optional in self.joins:
            found = [
                {**row, alias: each, f"index({alias})": place}
                for row in found
                for place, each in enumerate(_joined(path, row, optional))
            ]
        if self.where:
            found = [row for row in found if self.where(scope, row)]
        if self.aggregate or self.group:
            groups = self._groups(scope, found)
            found = [{**(group[0] if group else outer or {}), GROUP: group} for group in groups]
        if self.having:
            found = [row for row in found if self.having(scope, row)]
        for expression, descending in reversed(self.order):
            found.sort(key=lambda row: _sort_key(expression(scope, row)), reverse=descending)
        return found

    def entities(self, scope: Scope) -> list[Entity]:
        """What a query for objects finds, each once."""
        get = self.columns[0][1] if self.columns else _path(self.alias)
        found = [get(scope, row) for row in self.rows(scope)]
        return list({id(each): each for each in found if each is not None}.values())

    def projection(self, scope: Scope, outer: Row | None = None) -> list[list[tuple[str, Any]]]:
        """What a query for columns finds: a name (or none) and a value for each."""
        rows = self.rows(scope, outer)
        found = [[(name, get(scope, row)) for name, get in self.columns] for row in rows]
        return list({repr(each): each for each in found}.values()) if self.distinct else found

    def _groups(self, scope: Scope, rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        if not self.group:
            return [rows]
        groups: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            groups.setdefault(repr([get(scope, row) for get in self.group]), []).append(row)
        return list(groups.values())


@dataclass(frozen=True)
class Aggregate:
    """count(…), max(…) and so on over the rows of a group."""

    function: Callable[[list[Any]], Any]
    of: Expression
    distinct: bool

    def __call__(self, scope: Scope, row: Row) -> Any:
        values = [self.of(scope, each) for each in row[GROUP]]
        values = [each for each in values if each is not None]
        return self.function(list(dict.fromkeys(values)) if self.distinct else values)


def parse(text: str) -> Query:
    """Parse a query. Raises Unsupported."""
    parser = _Parser(text)
    query = parser.query()
    if parser.peek():
        raise Unsupported(f"{parser.peek()!r} in {text}")
    return query


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found:
                raise Unsupported(f"{text[at : at + 20]!r} in {text}")
            self.tokens.append(found[0].strip())
            at = found.end()
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def next(self) -> str:
        self.at += 1
        return self.peek(-1)

    def take(self, *words: str) -> bool:
        """Skip these words if they come next."""
        if [self.peek(each).lower() for each in range(len(words))] != list(words):
            return False
        self.at += len(words)
        return True

    def need(self, *words: str) -> None:
        if not self.take(*words):
            raise Unsupported(f"{self.peek()!r} where {words} is expected in {self.text}")

    def query(self) -> Query:
        query = Query()
        if self.take("select"):
            query.distinct = self.take("distinct")
            query.columns = self.columns()
            query.aggregate = any(isinstance(each, Aggregate) for _, each in query.columns)
        self.need("from")
        query.kind = self.next().rpartition(".")[2]
        query.alias = self.alias() or query.kind
        paths: dict[str, tuple[str, ...]] = {query.alias: ()}
        while self.take(","):  # another class: rows of both
            raise Unsupported(f"two classes in {self.text}")
        while self.peek().lower() in ("join", "left", "inner", "outer"):
            self.join(query, paths)
        if self.take("where"):
            query.where = self.condition()
        if self.take("group", "by"):
            query.group = self.several(self.value)
        if self.take("having"):
            query.having = self.condition()
        if self.take("order", "by"):
            query.order = self.several(self.order)
        return query

    def alias(self) -> str:
        self.take("as")
        word = self.peek()
        if not word or word.lower() in CLAUSES or not re.fullmatch(r"\w+", word):
            return ""
        return self.next()

    def join(self, query: Query, paths: dict[str, tuple[str, ...]]) -> None:
        optional = self.take("left")
        self.take("inner") or self.take("outer")
        self.need("join")
        fetch = self.take("fetch")
        path = self.next()
        start, *rest = path.split(".")
        alias = self.alias() or path
        if start in paths:
            paths[alias] = (*paths[start], *rest)
            if fetch:
                query.fetched.add(paths[alias])
        query.joins.append((path, alias, optional))

    def several(self, one: Callable[[], Any]) -> list[Any]:
        found = [one()]
        while self.take(","):
            found.append(one())
        return found

    def order(self) -> tuple[Expression, bool]:
        expression = self.value()
        descending = self.take("desc")
        self.take("asc")
        return expression, descending

    def columns(self) -> list[tuple[str, Expression]]:
        if self.take("new", "map", "("):
            found = self.several(self.column)
            self.need(")")
            return found
        return self.several(self.column)

    def column(self) -> tuple[str, Expression]:
        expression = self.value()
        return (self.next() if self.take("as") else ""), expression

    def condition(self) -> Expression:
        found = [self.conjunction()]
        while self.take("or"):
            found.append(self.conjunction())
        return found[0] if len(found) == 1 else lambda s, row: any(each(s, row) for each in found)

    def conjunction(self) -> Expression:
        found = [self.predicate()]
        while self.take("and"):
            found.append(self.predicate())
        return found[0] if len(found) == 1 else lambda s, row: all(each(s, row) for each in found)

    def predicate(self) -> Expression:
        if self.take("not"):
            inner = self.predicate()
            return lambda s, row: not inner(s, row)
        if self.take("exists", "("):
            query = self.query()
            self.need(")")
            return lambda s, row: bool(query.rows(s, row))
        start = self.at
        if self.take("("):  # of a condition, or of a value
            try:
                inner = self.condition()
                self.need(")")
                if self.peek().lower() not in (*COMPARISONS, "in", "is", "not", "like"):
                    return inner
            except Unsupported:
                pass
            self.at = start
        return self.comparison(self.value())

    def comparison(self, left: Expression) -> Expression:
        if self.take("is"):
            wanted = not self.take("not")
            if self.take("null"):
                return lambda s, row: (left(s, row) is None) == wanted
            kind = self.value()  # `a.class is TagAnnotation`
            return lambda s, row: (left(s, row) == kind(s, row)) == wanted
        negated = self.take("not")
        if self.take("in"):
            values = self.values()
            return lambda s, row: (_plain(left(s, row)) in values(s, row)) != negated
        if self.take("like"):
            pattern = self.value()
            return lambda s, row: _like(left(s, row), pattern(s, row)) != negated
        compare = COMPARISONS.get(self.peek())
        if compare is None:
            return left
        self.next()
        right = self.value()
        return lambda s, row: _compare(compare, left(s, row), right(s, row))

    def values(self) -> Expression:
        """Of `in`: a parameter that is a list, a list of values, or a query of one column."""
        if not self.take("("):
            one = self.value()
            return lambda s, row: [_plain(each) for each in _flat([one(s, row)])]
        if self.peek().lower() == "select":
            query = self.query()
            self.need(")")
            return lambda s, row: [_plain(each[0][1]) for each in query.projection(s, row)]
        found = self.several(self.value)
        self.need(")")
        return lambda s, row: [_plain(each) for each in _flat(one(s, row) for one in found)]

    def value(self) -> Expression:
        left = self.operand()
        while self.peek() in ARITHMETIC:
            left = _computed(ARITHMETIC[self.next()], left, self.operand())
        return left

    def operand(self) -> Expression:
        token = self.next()
        if token == "(":
            if self.peek().lower() == "select":
                query = self.query()
                self.need(")")
                return lambda s, row: _first(query.projection(s, row))
            inner = self.value()
            self.need(")")
            return inner
        if token.startswith(":"):
            return _parameter(token[1:])
        if token.startswith("'"):
            return _constant(token[1:-1].replace("''", "'"))
        if token[:1].isdigit():
            return _constant(float(token) if "." in token else int(token))
        if token.lower() in ("true", "false", "null"):
            return _constant({"true": True, "false": False}.get(token.lower()))
        if token.lower() == "case":
            return self.case()
        if self.peek() == "(" and token:
            return self.function(token.lower())
        if not re.match(r"[A-Za-z_]", token):
            raise Unsupported(f"{token!r} in {self.text}")
        return _path(token)

    def case(self) -> Expression:
        """case when … then … else … end."""
        self.need("when")
        when = self.condition()
        self.need("then")
        then = self.value()
        otherwise = self.value() if self.take("else") else _constant(None)
        self.need("end")
        return lambda s, row: then(s, row) if when(s, row) else otherwise(s, row)

    def function(self, name: str) -> Expression:
        self.need("(")
        if name == "index":  # of an object in the collection that it was joined from
            place = f"index({self.next()})"
            self.need(")")
            return lambda s, row: row[place]
        if name == "extract":  # the seconds of a time, which are what entities have
            self.need("epoch", "from")
            seconds = self.value()
            self.need(")")
            return seconds
        if name == "coalesce":
            choices = self.several(self.value)
            self.need(")")
            return lambda s, row: next(
                (found for each in choices if (found := each(s, row)) is not None), None
            )
        distinct = self.take("distinct")
        inner = _constant(1) if self.take("*") else self.value()
        self.need(")")
        if name in AGGREGATES:
            return Aggregate(AGGREGATES[name], inner, distinct)
        if name == "lower":
            return lambda s, row: str(inner(s, row) or "").lower()
        if name == "type":
            return lambda s, row: f"ome.model.annotations.{inner(s, row).kind}"
        if name == "distinct":
            return inner
        raise Unsupported(f"{name}(…) in {self.text}")


def _constant(value: Any) -> Expression:
    return lambda _, __: value


def _computed(
    compute: Callable[[Any, Any], Any], left: Expression, right: Expression
) -> Expression:
    def get(scope: Scope, row: Row) -> Any:
        values = left(scope, row), right(scope, row)
        return None if None in values else compute(*values)

    return get


def _parameter(name: str) -> Expression:
    return lambda scope, _: scope.parameters[name]


def _path(text: str) -> Expression:
    def get(_: Scope, row: Row) -> Any:
        if text in row:
            return row[text]
        start, *rest = text.split(".")
        if start not in row:
            return start if not rest else None  # a class, as in `a.class = TagAnnotation`, or `id`
        return _walk(row[start], rest)

    return get


def _walk(value: Any, names: list[str]) -> Any:
    for name in names:
        if value is None:
            return None
        value = value.kind if name == "class" else getattr(value, name)
    return value


def _joined(path: str, row: Row, optional: bool) -> list[Any]:
    start, *rest = path.split(".")
    value = _walk(row.get(start), rest)
    found = value if isinstance(value, list) else [value] if value is not None else []
    return found or ([None] if optional else [])


def _plain(value: Any) -> Any:
    """An object is compared by its id."""
    return value.id if isinstance(value, Entity) else value


def _compare(compare: Callable[[Any, Any], Any], left: Any, right: Any) -> bool:
    left, right = _plain(left), _plain(right)
    return left is not None and right is not None and bool(compare(left, right))


def _like(value: Any, pattern: Any) -> bool:
    expression = "".join(".*" if each == "%" else re.escape(each) for each in str(pattern))
    return value is not None and bool(re.fullmatch(expression, str(value), re.DOTALL))


def _flat(values: Iterable[Any]) -> list[Any]:
    return [
        one for each in values for one in (each if isinstance(each, list | tuple | set) else [each])
    ]


def _first(rows: list[list[tuple[str, Any]]]) -> Any:
    return rows[0][0][1] if rows else None


def _sort_key(value: Any) -> tuple[bool, Any]:
    value = _plain(value)
    return value is None, "" if value is None else value
