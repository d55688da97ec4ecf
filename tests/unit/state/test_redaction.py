"""What came from a secrets file, or is named like a secret, is in no output."""

from __future__ import annotations

import html
import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st
from omeroweb_ops import cli
from omeroweb_ops.state import diff, export, quoting
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine, Invalid
from omeroweb_ops.state.plan import make, mask
from omeroweb_ops.state.redaction import MASK, conceal, conceal_text, redact, texts
from omeroweb_ops.state.schema import Property

from roles.inventory import checks
from roles.inventory.site import load
from roles.web.configuration import CommandOutput, redacted
from tests.unit.helpers import SCHEMA, a_host, installation

OMERODIR = Path("/opt/omero/web/OMERO.web")
ADDITIONAL = "omero.web.django_additional_settings"
WORDS = ("write", "omero", "a", "not", "quotes", "set", "web", "list", "dictionary", "secret")
characters = st.characters(exclude_categories=("Cs", "Cc"))
secrets = st.sampled_from(WORDS) | st.text(characters, min_size=1).filter(str.strip)
names = st.sampled_from(sorted(SCHEMA)) | st.from_regex(
    r"omero\.web\.[a-z_]{1,12}(\.[a-z_]{1,12})?", fullmatch=True
)
PLACES: tuple[Callable[[str], Any], ...] = (
    lambda secret: secret,
    lambda secret: [secret],
    lambda secret: [["EMAIL_HOST_PASSWORD", secret], ["OTHER", 1]],
    lambda secret: {"a": {"b": [secret]}, "c": True},
    lambda secret: json.dumps({"a": secret}),
    lambda secret: {"set": {secret}},  # of no type that a property has
)


def shown(name: str, value: Any, old: str | None) -> list[str] | None:
    """Everything that is said of a property that came from a secrets file."""
    desired = Desired({name: value}, secret=(name,))
    resolved, findings = desired.resolve(SCHEMA, OMERODIR, strict=False)
    said = [str(each) for each in findings]
    schema = SCHEMA.with_secrets(desired.secret)
    current = {} if old is None else {name: old}
    record = {"omero.web.prefix": None}
    plan = make(resolved, current, record, schema)
    settings = export.export(resolved, schema, OMERODIR).settings
    said += [*diff.lines(plan, schema), export.written(settings)]
    said += [str(mask(each, text, schema)) for each, text in resolved.items()]
    said += [str(diff.kept(plan, schema)), repr(desired)]
    answer = CommandOutput(
        diff=[*diff.lines(plan, SCHEMA)], findings=[f"{name}: {value!r}, {value}"]
    )
    said += redacted(answer, desired).diff  # as a release of before tells it
    return said


@given(names, st.sampled_from(PLACES), secrets, secrets, st.booleans())
@example(ADDITIONAL, PLACES[2], "hunter2", "hunter3", True)
@example("omero.web.sso.client", PLACES[0], "hunter2", "not set", False)
@example("omero.web.ui.top_links", PLACES[1], "hunter2", "write", False)
def test_what_is_said_does_not_depend_on_the_secret(
    name: str, place: Callable[[str], Any], one: str, other: str, has_old: bool
) -> None:
    """Two secrets give the same output: so it holds neither, whatever words a secret is made of."""
    assume(one != other and _is_right(name, place(one)) == _is_right(name, place(other)))
    old = "[]" if has_old else None
    assert shown(name, place(one), old) == shown(name, place(other), old)


def _is_right(name: str, value: Any) -> list[bool]:
    """Empty where it is refused; else whether it is the default."""
    resolved, _findings = Desired({name: value}).resolve(SCHEMA, OMERODIR, strict=False)
    default = SCHEMA.default(name, OMERODIR) if name in SCHEMA else None
    prop = SCHEMA.get(name, Property(name, "string", None, ""))
    return [prop.same(text, default) for text in resolved.values()]


QUOTING: tuple[Callable[[str], str], ...] = (
    *(str, repr, json.dumps, html.escape, quote, quote_plus, shlex.quote, escape),
    *(lambda text: json.dumps(text, ensure_ascii=False), lambda text: quote(text, safe="")),
    *(lambda text: repr([text, "'"]), lambda text: repr(text.encode()), lambda text: f"x{text}y"),
)


@given(
    st.text(characters | st.sampled_from("\"'\\%&+ \t\n"), min_size=8).filter(
        lambda text: text == text.strip()
    ),
    st.lists(st.sampled_from(QUOTING), min_size=1, max_size=3),
)
@example("a\\n'\"%é&b😀 c", [json.dumps, repr, shlex.quote])
@example("0000000'", [repr, quote])
@example("a\\n'\"%é&b😀 c", [html.escape, quote, json.dumps])
def test_a_message_that_quotes_a_secret_is_shown_without_it(
    secret: str, forms: list[Callable[[str], str]]
) -> None:
    """What quotes it may be quoted again: JSON in an error of Python's in a line for a shell."""
    quoted = secret
    for form in forms:
        quoted = form(quoted)
    assume(secret not in f"Invalid value <{MASK}> !")
    said = redact(f"Invalid value <{quoted}> !", texts(secret))
    assert secret not in said
    assert quoted not in said
    assert said.startswith("Invalid value <")


@given(st.text(characters, min_size=1), st.lists(st.sampled_from(QUOTING), max_size=3))
def test_a_text_may_occur_where_it_is_found(text: str, forms: list[Callable[[str], str]]) -> None:
    """The check by letters and digits, before the expression, rules out nothing that it finds."""
    message = text
    for form in forms:
        message = form(message)
    if re.search(quoting.pattern(text), message):
        assert quoting.may_occur(text, f"not {message}.")
    assert quoting.may_occur("secret=1", "SECRET=1") is False
    assert quoting.may_occur("secret=1", "secret: 1") is True


def test_secrets_side_by_side_are_each_found() -> None:
    secrets = ['\\\\*one secret\\"', "'\\\\another one'", '" a third one', "never\\n"]
    said = redact(
        f"{secrets!r} {json.dumps(secrets)} {' '.join(secrets + secrets[3:])}", texts(secrets)
    )
    assert not any(word in said for word in ("one", "third", "never"))


@pytest.mark.parametrize("run", ["\\", " ", "'", '"', "%5c", "%20", "+", "\\ '", "&#92;", "&amp;"])
@pytest.mark.parametrize(
    "secret", ["abcdefg\\x", "abcdefg x", "abcdefg'x", "abcdefg\\ 'x", "abcdefg&x"]
)
def test_a_long_run_of_quoting_costs_no_time(secret: str, run: str) -> None:
    message = ("abcdefg" + run * 500 + "y ") * 2  # hangs where it can be taken apart in many ways
    assert redact(message, [secret]) == message


@given(st.lists(st.text(characters | st.sampled_from("\t\n"), min_size=8), max_size=3))
def test_what_quotes_no_secret_is_shown_as_it_is(known: list[str]) -> None:
    message = "omero.web.page_size: must be a whole number, not 'many'. Example: 5"
    assert redact(message, known) == message


@pytest.mark.parametrize(
    ("secret", "message", "said"),
    [
        ("web", "OMERO.web, web_plugins: web is omero-web", f"OMERO.web, web_plugins: {MASK} is "),
        ("4711", "port 14711, PIN '4711'.", f"port 14711, PIN '{MASK}'."),
        ("é", "née é", f"née {MASK}"),
        ("$^", "x$^y", f"x{MASK}y"),
        ("one two\nand a third line", "it is: one two and a third line", f"it is: {MASK}"),
        ("-----BEGIN\nabcdefghij", "line abcdefghij of", f"line {MASK} of"),
        (" ", "a b", "a b"),
        ("", "a b", "a b"),
    ],
)
def test_a_secret_is_found_where_it_is_and_not_in_other_words(
    secret: str, message: str, said: str
) -> None:
    assert redact(message, texts(secret)).startswith(said)


@pytest.mark.parametrize(
    "name", ["SECRET", "api_token", "PASSWD", "password", "apiKey", "SENTRY_DSN", "CREDENTIALS"]
)
def test_what_is_named_like_a_secret_is_masked_in_lists_and_dictionaries(name: str) -> None:
    for value in ([[name, "hunter2"], ["X", 1]], {"a": [{name: {"b": "hunter2"}}]}):
        assert "hunter2" not in str(conceal(value))
        assert "hunter2" not in conceal_text(json.dumps(value))
        assert name in str(conceal(value))


@pytest.mark.parametrize(
    "value",
    [
        [["Public keys", "https://example.org/keys"], ["Keys", "https://example.org", {"x": 1}]],
        [["Data", "webindex", {"title": "Browse the tokens"}]],
        ["omero_key_value"],
        {"TIMEOUT": 5, "USE_KEYS": True},
        "https://example.org/?key=a@b:c",
    ],
)
def test_what_is_no_secret_stays_readable(value: Any) -> None:
    assert conceal(value) == value
    assert conceal_text(json.dumps(value)) == json.dumps(value)


def test_a_password_in_a_url_is_masked() -> None:
    assert conceal("rediss://web:hunter2@r:1/0") == f"rediss://web:{MASK}@r:1/0"
    assert conceal_text("postgres://:hunter2@r") == f"postgres://:{MASK}@r"


def test_a_property_with_a_default_is_no_secret_by_its_name() -> None:
    for name in ("omero.web.login_incorrect_credentials_text", "omero.web.public.cache.key"):
        assert not SCHEMA[name].is_secret


WRONG = {
    "omero.web.page_size": "hunter2",
    "omero.web.ui.top_links": [{"x": "hunter2"}],
    "omero.web.login_view": ["hunter2"],
    "omero.web.debug": "hunter2",
    "omero.web.session_engine": "hunter2",
    "omero.web.public.url_filter": "(hunter2",
    "omero.web.server_list": "hunter2",
}
WRONG_TOGETHER = {
    "omero.web.cors_origin_whitelist": ["hunter2.example.org"],
    "omero.web.apps": ["hunter2_app", "hunter2_app"],
    "omero.web.static_url": "/hunter2-static/",
    "omero.web.prefix": "/hunter2-prefix",
    "omero.web.wsgi_args": "--graceful-timeout 4711",
}


@pytest.mark.parametrize("content", [WRONG, WRONG_TOGETHER])
def test_mistakes_of_a_site_do_not_quote_its_secrets_file(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    """Each of these values is quoted where it stands in web_config."""
    path = tmp_path / "secrets.yml"
    path.write_text(yaml.safe_dump(content))
    path.chmod(0o600)

    def said(**data: Any) -> list[str]:
        site, findings = load([a_host("@local", **data)])
        return [str(each) for each in [*findings, *checks.errors(site), *checks.warnings(site)]]

    hidden, quoted = said(web_secrets=str(path)), said(web_config=content)
    assert len(hidden) >= len(content) - 1
    assert any("hunter2" in each for each in quoted)
    assert not any("hunter2" in each for each in hidden)
    assert not any("--graceful-timeout 4711" in each for each in hidden)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (ADDITIONAL, [["EMAIL_HOST_PASSWORD", "hunter2"]], "holds a secret"),
        (ADDITIONAL, '[["SENTRY_DSN", "hunter2"]]', "holds a secret"),
        ("omero.web.caches", {"default": {"LOCATION": "redis://:hunter2@r"}}, "holds a secret"),
        ("omero.web.secret_key", "hunter2", "is a secret"),
        ("omero.web.caches", {"default": {"LOCATION": "redis://r"}}, None),
        (ADDITIONAL, [["EMAIL_PORT", 587]], None),
    ],
)
def test_a_secret_in_the_inventory_is_warned_of(name: str, value: Any, said: str | None) -> None:
    site, _findings = load([a_host(web_config={name: value})])
    found = [str(each) for each in checks.warnings(site) if "a secret" in str(each)]
    assert found == (
        []
        if said is None
        else [f"@local: {name}: {said} in the inventory; set it in the web_secrets file"]
    )


def test_a_host_keeps_the_names_of_what_is_secret_for_later(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Apart from the desired state, in which releases of before refuse a field."""
    monkeypatch.setenv("OMERODIR", str(engine.locations.omerodir))
    monkeypatch.setenv("OMEROWEB_OPS_DESIRED", str(engine.locations.desired_state))
    links = [["Site", "https://hunter2.example.org"]]
    wanted = Desired(
        {"omero.web.login_view": "hunter2", ADDITIONAL: [["X", "hunter2"]]},
        {"omero.web.ui.top_links": links},
        secret=("omero.web.login_view", ADDITIONAL, "omero.web.ui.top_links"),
    )
    engine.note_secret(wanted)
    engine.locations.desired_state.write_text(wanted.dump())
    target = engine.locations.omerodir / "secrets.yml"
    said = ""
    for command in (
        ["plan"], ["plan", "--json"], ["check"], ["check", "--json"], ["apply"], ["show"],
        ["show", "omero.web.login_view"], ["export"], ["export", "--secrets", str(target)],
        ["rollback"], ["rollback"],
    ):  # fmt: skip
        assert cli.main(["config", *command]) in (0, 2)
        printed = capsys.readouterr()
        assert printed.out
        said += printed.out + printed.err
    engine.locations.desired_state.write_text(Desired().dump())  # it leaves the inventory
    assert cli.main(["config", "apply"]) == 0
    said += capsys.readouterr().out
    assert said.count("omero.web.login_view") > 5
    assert "hunter2" not in said
    assert yaml.safe_load(target.read_text())["omero.web.login_view"] == "hunter2"
    assert "hunter2" not in engine.locations.secret.read_text()


def test_a_check_on_the_host_does_not_quote_a_secret(tmp_path: Path) -> None:
    engine = installation(tmp_path)
    engine.locations.config_xml.write_text("")
    name = "omero.web.cors_origin_whitelist"
    wanted = Desired({name: ["hunter2.example.org"]}, secret=(name,))
    with pytest.raises(Invalid) as refusal:
        engine.plan(Desired({"omero.web.page_size": "hunter2"}, secret=("omero.web.page_size",)))
    said = [str(each) for each in [*refusal.value.findings, *engine.check(wanted)]]
    assert len(said) >= 2
    assert "hunter2" not in "\n".join(said)


def test_names_travel_to_a_release_of_this_version_alone() -> None:
    desired = Desired({"a": 1}, secret=("a",))
    assert {*json.loads(desired.dump())} == {"set", "append", "remove", "exclusive"}
    assert [*Desired.parse(desired.dump(secret=True), "x").secret] == ["a"]
    assert Desired({"a": 1}).dump(secret=True) == Desired({"a": 1}).dump()
    newer = {**json.loads(desired.dump()), "field of a later version": 1}
    assert Desired.parse(json.dumps(newer), "x") == Desired({"a": 1})


def test_the_end_of_a_log_is_shown_without_what_is_secret(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMERODIR", str(engine.locations.omerodir))
    engine.apply(Desired({"omero.web.login_view": "hunter2-x", "omero.web.prefix": "/omero"}))
    engine.note_secret(Desired(secret=("omero.web.login_view",)))
    log = io.TextIOWrapper(io.BytesIO(b"/omero: KeyError: 'hunter2-x'\n\xff\n"))
    monkeypatch.setattr("sys.stdin", log)
    assert cli.main(["config", "redact"]) == 0
    assert capsys.readouterr().out == f"/omero: KeyError: '{MASK}'\n\N{REPLACEMENT CHARACTER}\n"
