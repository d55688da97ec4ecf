"""Hypothesis strategies for the texts that stand in config.xml, in people's many spellings."""

from __future__ import annotations

import json

from hypothesis import strategies as st

BOOLEAN = "omero.web.debug"
INTEGER = "omero.web.page_size"
LIST = "omero.web.apps"
OBJECT = "omero.web.caches"
STRING = "omero.web.login_logo"
PLUGIN = "omero.web.figure.anything"  # unknown to the schema

_lists = st.lists(st.sampled_from(["a", "b"]), max_size=2)
_objects = st.dictionaries(st.sampled_from(["default", "sessions"]), st.integers(0, 1))
_compact = (",", ":")

BY_HAND: dict[str, st.SearchStrategy[str]] = {
    BOOLEAN: st.sampled_from(["true", "True", "TRUE", "t", "1", "false", "False", "no", "yes"]),
    INTEGER: st.sampled_from(["1", "01", "2", "+2", "broken"]),
    LIST: _lists.map(json.dumps) | _lists.map(lambda it: json.dumps(it, separators=_compact)),
    OBJECT: _objects.map(json.dumps) | _objects.map(lambda it: json.dumps(it, indent=1)),
    STRING: st.sampled_from(["", "True", "true", "ä <&> \"'"]),
    PLUGIN: st.sampled_from(["x", "true"]),
}
WANTED = {
    BOOLEAN: st.booleans() | st.sampled_from(["true", "True", "true", "0"]),
    INTEGER: st.integers(1, 2),
    LIST: _lists,
    OBJECT: _objects,
    STRING: st.sampled_from(["", "True", "true", "ä <&> \"'"]),
    PLUGIN: st.sampled_from(["x", "true", 1]),
}

by_hand = st.fixed_dictionaries({}, optional=BY_HAND)
wanted = st.fixed_dictionaries({}, optional=WANTED)
