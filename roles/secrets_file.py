"""The web_secrets file, on the machine that deploys: passwords and keys, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from omeroweb_ops.state import schema
from omeroweb_ops.state.desired import Finding

SCHEMA = schema.locked()
OF_REDIS = ("redis_password", "redis_user")


def read_secrets(path: str) -> tuple[dict[str, Any], list[Finding]]:
    """The web_secrets file: {property or redis_password: value}."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return {}, [Finding("web_secrets", f"{path} cannot be read ({error})")]
    except yaml.YAMLError as error:
        # the error's own text would quote the file's content
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        return {}, [Finding("web_secrets", f"{path} is not YAML{line}; write name: value lines")]
    if content is None:
        return {}, []
    if not isinstance(content, dict):
        return {}, [Finding("web_secrets", f"{path} holds no {{name: value}}; write such lines")]
    findings = [
        Finding(f"web_secrets: {name}", f"has no value in {path}; write one or take it out")
        for name, value in content.items()
        if value in (None, "")
    ]
    findings += [
        Finding(f"web_secrets: {name}", "is not text; write it in quotes")
        for name in OF_REDIS
        if isinstance(content.get(name), bool)
        or not isinstance(content.get(name), (str, int, type(None)))
    ]
    # a plugin's property only the host can know; other unknown ones are found with web_config's
    unknown = [
        name for name in content if name not in OF_REDIS and not str(name).startswith("omero.")
    ]
    for name in unknown:
        near = SCHEMA.nearest(str(name)) or "redis_password"
        findings.append(
            Finding(f"web_secrets: {name}", f"is no OMERO.web property; did you mean {near}?")
        )
    return {str(name): value for name, value in content.items() if name not in unknown}, findings
