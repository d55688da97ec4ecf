"""List what an image contains, as a CycloneDX document (https://cyclonedx.org) on standard output.

`python sbom.py NAME ENVIRONMENT`, in the image's build, by a Python that has sbom_tools.txt.
cyclonedx-py lists the environment's Python packages; this module adds Debian's, and the image.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_FIELDS = "${binary:Package}\\t${Version}\\t${Architecture}\\t${db:Status-Status}\\n"


def document(name: str, environment: Path) -> str:
    """Return the document of an image, the same for the same packages."""
    lister = Path(sys.executable).parent / "cyclonedx-py"
    command = [lister, "environment", "--output-reproducible", environment / "bin" / "python"]
    bom = Bom.from_json(json.loads(_output(*map(str, command))))  # type: ignore[attr-defined]
    bom.metadata.component = Component(
        name=name,
        version=environment.name,
        type=ComponentType.CONTAINER,
        bom_ref=name,
    )
    bom.components.update(debian(_output("dpkg-query", "-W", f"-f={_FIELDS}"), _distribution()))
    found = json.loads(JsonV1Dot6(bom).output_as_string())
    del found["serialNumber"], found["metadata"]["timestamp"]  # they differ in each build
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def debian(listed: str, distribution: str) -> Iterator[Component]:
    """Return the installed packages in the output of dpkg-query with `_FIELDS`.

    distribution: such as debian-12. The names follow the definition of purl's type deb
    (https://github.com/package-url/purl-spec).
    """
    for line in listed.splitlines():
        name, version, architecture, status = line.split("\t")
        name = name.partition(":")[0]
        if status == "installed":
            qualifiers = {"arch": architecture, "distro": distribution}
            purl = PackageURL("deb", "debian", name, version, qualifiers)
            yield Component(
                name=name,
                version=version,
                type=ComponentType.LIBRARY,
                purl=purl,
                bom_ref=purl.to_string(),
            )


def _distribution() -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    known = dict(line.split("=", 1) for line in lines if "=" in line)
    return f"{known['ID']}-{known['VERSION_ID']}".replace('"', "")


def _output(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.stdout.write(document(sys.argv[1], Path(sys.argv[2]).resolve()))
