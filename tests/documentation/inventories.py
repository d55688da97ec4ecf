"""Check the inventories of the pages with the code that a deploy checks them with.

A block may be a whole inventory, some of its groups, or items of a host's data. What such a block
leaves out is added, and so are the files that it names.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

from pyinfra.connectors.ssh import ConnectorData

from roles.inventory import checks, settings
from roles.inventory.site import load
from tests.certificates import issue
from tests.unit.helpers import HASH, KEY, PASSWORD, site_lock

GROUPS = ("redis", "web", "nginx")
HOST = "web1.example.org"
SECRETS = f"""\
omero.web.secret_key: {KEY}
redis_password: {PASSWORD}
omero.web.public.password: secret of the public user
"""
EAB = f"acme_eab_hmac_key: {KEY[:16].replace(' ', '_')}{'k' * 16}\n"
NAME = re.compile(r"[\w][\w./-]*\.(?:pem|key|crt|yml|svg|png|html|txt|whl)")
_FILE = re.compile(r"# (\w[\w/]*\.py)$", re.M)
_OF_INVENTORY = (ast.Assign, ast.Import, ast.ImportFrom, ast.Expr)
OF_CONNECTOR = {*ConnectorData.__annotations__}


def problems(text: str, directory: Path) -> list[str]:
    """Return what is wrong with a block.

    directory: the current directory. If the block begins with the name of a file, the block is
    written there, so that a later block can import it.
    """
    name = _FILE.match(text)
    path = directory / (name[1] if name else "site.py")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    make_files(text, directory)
    text = re.sub("#sha256=[0-9a-f]{64}", "", text)  # of a file that is not this one
    try:
        return [*_problems(text, path)]
    except SyntaxError as error:
        return [f"is not Python: {error}"]


def _problems(text: str, path: Path) -> Iterator[str]:
    items = _items(text)
    if items is not None:
        for name, value in items:
            yield from _of_item(name, value)
        return
    tree = ast.parse(text)
    assigned = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)} & {*GROUPS}
    if assigned and all(isinstance(node, _OF_INVENTORY) for node in tree.body):
        names = _executed(compile(tree, str(path), "exec"), path)
        yield from _of_groups({name: names[name] for name in GROUPS if name in names})
        return
    if not all(isinstance(node, ast.Expr) for node in tree.body):
        return  # another program, which has the form of Python
    for node in tree.body:
        value = ast.literal_eval(node.value) if isinstance(node, ast.Expr) else None
        if isinstance(value, str):  # a filter of a public user
            re.compile(value)
        elif isinstance(value, tuple) and all(isinstance(each, Mapping) for each in value):
            yield from _of_item("web_plugins", [*value])
        else:
            yield f"is neither an inventory nor a part of an inventory: {text[:40]!r}"


def _executed(code: CodeType, path: Path) -> dict[str, Any]:
    """Return the names of an inventory, as pyinfra executes it. What it imports is forgotten."""
    modules, places = {*sys.modules}, [*sys.path]
    names: dict[str, Any] = {"__file__": str(path)}
    try:
        exec(code, names)
    finally:
        sys.path[:] = places
        for name in {*sys.modules} - modules:
            del sys.modules[name]
    return names


def _items(text: str) -> list[tuple[str, Any]] | None:
    """Return the items of a host's data, of which several may have one name."""
    closed = re.sub(r"^(.*[^,{\[\s])(\s*(?:#.*)?)$(?=\n\")", r"\1,\2", text, flags=re.M)
    try:
        tree = ast.parse(f"{{\n{closed}\n}}", mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(tree, ast.Dict) or not tree.keys:
        return None
    pairs = zip(tree.keys, tree.values, strict=True)
    return [(ast.literal_eval(key), ast.literal_eval(value)) for key, value in pairs if key]


def _of_item(name: str, value: Any) -> Iterator[str]:
    if name in OF_CONNECTOR:
        return
    if name.startswith("omero."):
        name, value = "web_config", {name: value}
    if name == "web_secrets":  # a command must not run here
        yield from map(str, settings.read({name: value})[1])
        return
    groups: dict[str, Any] = {group: ([HOST], {}) for group in GROUPS}
    groups["nginx"][1]["nginx_server_name"] = "images.example.org"
    groups["web" if name.startswith("web_") else name.split("_")[0]][1][name] = value
    yield from _of_groups(groups)


def _of_groups(groups: Mapping[str, Any]) -> Iterator[str]:
    """Yield the errors of an inventory, with the groups that it leaves out."""
    hosts: dict[str, tuple[set[str], dict[str, Any]]] = {}
    whole = {"web": ([HOST], {})} | {**groups}
    whole.setdefault("nginx", (whole["web"][0], {}))
    if "redis" not in whole and len(whole["web"][0]) > 1:
        whole["redis"] = (["redis.example.org"], {"redis_bind": "0.0.0.0"})
    for group, (members, data) in whole.items():
        for member in members:
            name, own = (member, {}) if isinstance(member, str) else member
            known = hosts.setdefault(name, (set(), {"web_secrets": "secrets.yml"}))
            known[0].add(group)
            known[1].update(data | own)
    if len(hosts) > 1:
        for number, (_groups, data) in enumerate(hosts.values(), 1):
            data.setdefault("address", f"10.0.0.{number}")
    listed = [
        (name, frozenset(found), _settings(data), None) for name, (found, data) in hosts.items()
    ]
    site, findings = load(listed)
    yield from map(str, [*findings, *checks.errors(site)])


def _settings(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in OF_CONNECTOR}


def make_files(text: str, directory: Path) -> None:
    """Make the files that a block names, with content that fits their names."""
    names = re.findall(r'nginx_server_name": "([^"]+)"', text)
    certificate = issue(*(names[0].split() if names else ["images.example.org"]))
    for name in {*NAME.findall(text), "secrets.yml"}:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        suffix = path.suffix
        if suffix == ".key":
            path.write_text(certificate.key_pem)
        elif suffix in (".pem", ".crt"):
            path.write_text(certificate.chain)
        elif f'"requirements": "{name}"' in text:  # a plugin's own lock
            pins = re.findall(r'"package": "([\w-]+)",\s+"version": "([\w.]+)"', text)
            path.write_text("".join(f"{pin}=={version} {HASH}\n" for pin, version in pins))
        elif suffix == ".txt":
            site_lock(path)
        elif suffix == ".yml":
            path.write_text(SECRETS + (EAB if '"eab"' in text else ""))
            path.chmod(0o600)
        else:
            path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    for name in re.findall(r'"template_dirs": \["([\w-]+)"', text):
        (directory / name).mkdir(exist_ok=True)
        (directory / name / "page.html").write_text("")
