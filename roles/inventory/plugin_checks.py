"""Find errors in `web_plugins` as a whole, and between its entries and the release's lock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.state import plugin_catalogue
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename

from . import requirements_file
from .member import Member
from .plugins import APP, HOW_TO_LOCK, PluginDescription, in_own_lock, text
from .settings import Settings
from .site import Site

_Pins = dict[str, set[str]]


def find(site: Site, member: Member) -> Iterator[Finding]:
    settings = member.settings
    base = requirements_file.pins(text(settings.web_requirements or str(APP / "requirements.txt")))
    others: dict[str, str] = {}
    for each in settings.web_plugins:
        wrong = [*_package(each, base)]
        if not in_own_lock(each, settings.web_requirements):
            wrong += [*_versions(each, base, others), *_requirement(each, base)]
        yield from (Finding("web_plugins", f"{each.package}: {message}") for message in wrong)
    yield from _twice(settings)
    yield from _set_by_two(settings)
    known = [each.plugin for each in settings.web_plugins]
    yield from plugin_catalogue.unmet(known, site.explicit(member))


def _package(each: PluginDescription, base: _Pins) -> Iterator[str]:
    """Yield an error unless exactly one source provides the package in the version that is set."""
    found = {**base, **requirements_file.pins(text(each.requirements))}
    if each.wheel and canonicalize_name(each.package) in base:
        yield "has a wheel, but the release's lock has the package already; set only one of them"
    elif each.wheel:
        name, version, _build, _tags = parse_wheel_filename(Path(each.wheel).name)
        found[name] = {str(version)}
    versions = found.get(canonicalize_name(each.package))
    if versions is None:
        yield (
            'no lock has it; set "requirements": a hash-pinned file that has it, '
            'or "wheel": the path of its wheel'
        )
    elif each.version and versions != {each.version}:
        yield f"version must be the locked {_list(versions)}, not {each.version}"


def _versions(each: PluginDescription, base: _Pins, others: dict[str, str]) -> Iterator[str]:
    """Yield where the plugin's lock has another version than the release or another plugin."""
    for name, versions in requirements_file.pins(text(each.requirements)).items():
        if name == "zeroc-ice":  # from the index it would be compiled
            yield f"its lock has zeroc-ice, which the release has already; {HOW_TO_LOCK}"
        elif name in base and not versions <= base[name]:
            yield (
                f"its lock has {name} {_list(versions)}, the release {_list(base[name])}; "
                f"{HOW_TO_LOCK}"
            )
        elif name not in base and others.setdefault(name, _list(versions)) != _list(versions):
            yield f"its lock has {name} {_list(versions)}, another plugin's {others[name]}"


def _requirement(each: PluginDescription, base: _Pins) -> Iterator[str]:
    """Yield an error if the catalogue's version needs another OMERO.web than the release's."""
    needed = each.plugin.omero_web
    for version in sorted(base.get("omero-web", ())):
        if needed and version and version not in SpecifierSet(needed):
            yield (
                f"the catalogue's version needs OMERO.web {needed}, the release has {version}; "
                "make a lock with a version that fits: ./run lock"
            )


def _list(versions: set[str]) -> str:
    return ", ".join(sorted(version or "by its URL" for version in versions))


def _twice(settings: Settings) -> Iterator[Finding]:
    packages: list[str] = [canonicalize_name(each.package) for each in settings.web_plugins]
    for names in (packages, [each.app for each in settings.web_plugins]):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Finding("web_plugins", f"has {name} {names.count(name)} times; list it once")


def _set_by_two(settings: Settings) -> Iterator[Finding]:
    setters: dict[str, PluginDescription] = {}
    for each in settings.web_plugins:
        for name, value in each.set.items():
            other = setters.setdefault(name, each)
            if other.set[name] != value and name not in settings.web_config:
                yield Finding(
                    "web_plugins",
                    f"{other.package} and {each.package} both set {name}; "
                    "set the value that you want in web_config",
                )
