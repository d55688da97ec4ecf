"""docs/settings.md has every setting, with the default that the model has."""

from __future__ import annotations

from roles.inventory.settings import Settings
from roles.inventory.settings_page import PAGE, ROWS, page, table


def test_the_page_is_the_model_s() -> None:
    text = PAGE.read_text("utf-8")
    assert ROWS.keys() == Settings.model_fields.keys()
    assert text == page(text), "run ./run python -m roles.inventory.settings_page"


def test_the_table_shows_each_setting_once_with_its_default() -> None:
    rows = table().splitlines()
    assert [row.split("`")[1] for row in rows] == [*Settings.model_fields]
    assert any(
        row.startswith("| `web_graceful_timeout`") and row.endswith("| 30 |") for row in rows
    )
    assert any(row.endswith("| `4g` |") for row in rows)
