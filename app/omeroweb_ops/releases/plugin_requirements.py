"""Find requirements of plugins that a release lacks, in the metadata of installed packages.

`python -I -m omeroweb_ops.releases.plugin_requirements JSON`, where JSON has the names of each
plugin's packages: {"omero-figure": ["omero-figure", "reportlab"]}. Exit status 1 and one line on
standard error for each unmet requirement. Unmet requirements of the release's own lock are ignored.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement


def unmet(package: str) -> Iterator[str]:
    """Yield a sentence for each unmet requirement of an installed package.

    A package that is not installed is ignored, because a lock's marker may exclude it. Extras are
    ignored, because no plugin requests them.
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
                "set a version of the plugin that fits this release, or remove the plugin"
            )


def main() -> int:
    """Print the unmet requirements and return the exit status."""
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
