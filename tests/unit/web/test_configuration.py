"""What a dry run makes of the active release's answers."""

from __future__ import annotations

from omeroweb_ops.property_names import APPS
from omeroweb_ops.state.desired import Desired

from roles.web.configuration import CommandOutput, planned

WITH_PLUGIN = Desired({"omero.web.page_size": 7}, {APPS: ["omero_iviewer"]})
LACKS = CommandOutput(findings=[f"{APPS}: cannot import omero_iviewer: ModuleNotFoundError"])
SIZE = CommandOutput(changes=[{"property": "omero.web.page_size"}], diff=["~ page_size"])


def release(desired: Desired, _attempt: int) -> CommandOutput:
    """An active release without the plugin."""
    return LACKS if APPS in desired.append or APPS in desired.set else SIZE


def test_an_app_that_comes_with_the_new_release_hides_no_difference() -> None:
    found = planned(release, WITH_PLUGIN, builds=True)
    assert found.findings == []
    assert "omero_iviewer" in found.diff[0]
    assert found.diff[1:] == SIZE.diff
    assert len(found.changes) == 2


def test_an_app_that_no_new_release_brings_is_an_error() -> None:
    assert planned(release, WITH_PLUGIN, builds=False) == LACKS


def test_other_errors_are_left_to_the_new_release() -> None:
    found = planned(lambda _desired, _attempt: LACKS, WITH_PLUGIN, builds=True)
    assert found.findings == []
    assert found.changes
    assert "the deploy shows the differences" in found.diff[0]


def test_without_such_an_app_the_answer_is_the_active_release_s() -> None:
    assert planned(release, Desired({"omero.web.page_size": 7}), builds=True) == SIZE
