"""Tiny packages for the tests: a plugin of OMERO.web as a wheel."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def wheel(
    folder: Path,
    package: str,
    files: Mapping[str, str],
    version: str = "1.0",
    needs: Sequence[str] = (),
) -> Path:
    """A wheel with these files, by path, as the binary distribution format has it.

    https://packaging.python.org/en/latest/specifications/binary-distribution-format/
    """
    stem = f"{package.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {each}\n" for each in needs)
    tags = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content = {**files, f"{info}/METADATA": metadata, f"{info}/WHEEL": tags}
    lines = [
        f"{name},sha256={_digest(text)},{len(text.encode())}" for name, text in content.items()
    ]
    content[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return path


def _digest(text: str) -> str:
    found = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()


def plugin(
    folder: Path,
    package: str,
    files: Mapping[str, str] | None = None,
    needs: Sequence[str] = (),
) -> Path:
    """A wheel of an app that is named like its package, with a page of its own for everybody."""
    app = package.replace("-", "_")
    own = {
        "__init__.py": "",
        "urls.py": "from django.urls import path\nfrom django.http import HttpResponse\n"
        f"urlpatterns = [path('', lambda request: HttpResponse('{package}'), name='{app}')]\n",
        f"static/{app}/own.css": f"/* {package} */\n",
        **(files or {}),
    }
    own = {f"{app}/{name}": text for name, text in own.items()}
    return wheel(folder, package, own, needs=needs)


def locked(path: Path, package: str, there: str, digest: str | None = None) -> str:
    """A requirements file's text for a wheel that lies on the host at a path."""
    found = digest or hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{package} @ file://{there} \\\n    --hash=sha256:{found}\n"
