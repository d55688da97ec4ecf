"""What a plugin requires and a release lacks, from the metadata of the installed packages.

`python -I -m omeroweb_ops.releases.plugin_requirements JSON`, where JSON has the names of each
plugin's packages: {"omero-figure": ["omero-figure", "reportlab"]}. Exit status 1 and one line on
standard error for each unmet requirement. What the release's own lock leaves unmet is no plugin's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement


def unmet(package: str) -> Iterator[str]:
    """Return a sentence for each unmet requirement of an installed package.

    A package that is not installed has none: a lock's marker may leave it out. Extras are left out
    too: nobody has asked for them.
    """
    try:
        requirements = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        shown = f"{package} requires `{requirement.name}{requirement.specifier}`"
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{shown}, but it's not installed; add it to the file that its requirements name"
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            yield (
                f"{shown}, but `{version}` is installed; "
                "write a version of the plugin that fits this release, or leave it out"
            )


def main() -> int:
    """Report what is unmet; returns the exit status."""
    plugins: dict[str, list[str]] = json.loads(sys.argv[1])
    found = [
        f"web_plugins: {plugin}: {sentence}"
        for plugin, packages in plugins.items()
        for package in packages
        for sentence in unmet(package)
    ]
    for each in found:
        print(each, file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
