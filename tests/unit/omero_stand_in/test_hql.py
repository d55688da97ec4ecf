"""The stand-in's query language, on the queries that OMERO.web sends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.omero_stand_in.content import Account, Content, Sizes
from tests.omero_stand_in.entity import Entity
from tests.omero_stand_in.hql import Scope, Unsupported, parse

USERS = [Account.parse("ada:one:lab:Ada Lovelace"), Account.parse("bob:two:lab,works")]


@pytest.fixture(scope="module")
def content() -> Content:
    return Content(USERS, Sizes(projects=2, datasets=2, images=3))


def values(content: Content, text: str, **parameters: Any) -> list[list[Any]]:
    rows = parse(text).projection(Scope(content.rows, parameters))
    return [[value for _, value in row] for row in rows]


def test_a_tree_s_query_counts_what_is_below(content: Content) -> None:
    text = """
        select new map(project.id as id, project.name as name,
               project as project_details_permissions,
               (select count(id) from ProjectDatasetLink pdl
                where pdl.parent = project.id) as childCount)
        from Project project where project.details.owner.id = :id
        order by lower(project.name) desc, project.id
    """
    rows = parse(text).projection(Scope(content.rows, {"id": 2}))
    assert [dict(row)["name"] for row in rows] == ["Project 2 of ada", "Project 1 of ada"]
    assert {dict(row)["childCount"] for row in rows} == {2}
    assert isinstance(dict(rows[0])["project_details_permissions"], Entity)


def test_joins_conditions_and_subqueries(content: Content) -> None:
    of_dataset = "select i.name from Image i join i.datasetLinks l where l.parent.id = :did"
    assert [row[0] for row in values(content, of_dataset, did=1)] == [
        f"image-1-1-{number}.tif" for number in (1, 2, 3)
    ]
    orphans = """select i from Image i where not exists
        (select l from DatasetImageLink as l where l.child = i.id)"""
    assert values(content, orphans) == []
    without = "from Image i where i.id in (:ids) and (i.id != 2 or i.name is null)"
    found = parse(without).entities(Scope(content.rows, {"ids": [1, 2, 3]}))
    assert [each.id for each in found] == [1, 3]
    optional = "select i.id, ws.id from Image i left outer join i.wellSamples ws where i.id = 1"
    assert values(content, optional) == [[1, None]]


def test_a_class_is_compared(content: Content) -> None:
    images = "select i.id from Image i where i.id in (1, 2) and i.class is"
    assert values(content, f"{images} Image") == [[1], [2]]
    assert values(content, f"{images} not Image") == []
    assert values(content, f"{images} TagAnnotation") == []


def test_groups_and_their_conditions(content: Content) -> None:
    per_dataset = "select l.parent.id, count(l.id) from DatasetImageLink l group by l.parent.id"
    counted = values(content, f"{per_dataset} having count(l.id) >= :least", least=3)
    assert counted == [[number, 3] for number in range(1, 9)]
    assert values(content, f"{per_dataset} having count(*) > 3") == []
    rated = "select sum(case when i.id > 1 then 1 else 0 end), max(i.id) from Image i"
    assert values(content, rated) == [[23, 24]]
    assert values(content, "select sum(s.id) from Screen s") == [[None]]


def test_times_are_computed_with(content: Content) -> None:
    text = (
        "select extract(epoch from i.acquisitionDate) + (i.series / 1000), i.sizeX + 1 from Image i"
    )
    rows = values(content, f"{text} where i.id = 1")
    assert rows == [[content.rows("Image")[0].acquisitionDate, None]]


def test_what_is_fetched_is_known_by_path() -> None:
    text = (
        "select obj from Image obj join fetch obj.details.owner left outer join fetch obj.pixels "
        "as p join fetch p.pixelsType where obj.id = 1"
    )
    assert parse(text).fetched == {("details", "owner"), ("pixels",), ("pixels", "pixelsType")}


@pytest.mark.parametrize(
    "text",
    [
        "select upper(i.name) from Image i",
        "from Image i, Dataset d",
        "select",
        "from Image i where ;",
    ],
)
def test_what_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(Unsupported):
        parse(text)
