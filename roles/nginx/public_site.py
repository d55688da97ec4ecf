"""A public site on NGINX: what crawlers leave alone, and the answers that visitors share.

Images and metadata that OMERO.web gives to a visitor without a session are the same for all such
visitors, so NGINX may keep them. See docs/public-site.md.
"""

from __future__ import annotations

import re
from typing import Any

from omeroweb_ops.shared.public_paths import IMAGES, METADATA

from ..host_paths import PUBLIC_CACHE, PUBLIC_CACHE_COMMAND, ROBOTS
from ..operations.files import Absent, Directory, File, Item
from ..operations.privilege import run_as_user
from ..target import Target
from .templating import TEMPLATES

# Megabytes of shared memory for the keys; NGINX holds 8000 keys in one.
CACHE_KEYS = 16
# What an answer may vary by: the key has it, or it is the same in each request that NGINX sends.
_VARIES_BY = ("cookie", "origin", "accept-encoding", "x-requested-with", "host")


def has_robots(target: Target) -> bool:
    """Return whether NGINX has a robots.txt of the bundle's: of a public site if nothing is set."""
    wanted = target.settings.nginx_robots
    return target.application.is_public if wanted is None else wanted


def items(target: Target) -> list[Item]:
    """Return the files of a public site, but for the cache's removal."""
    robots = TEMPLATES.get_template("robots.txt.j2").render(prefix=target.application.prefix)
    found: list[Item] = [File(ROBOTS, robots) if has_robots(target) else Absent(ROBOTS)]
    if target.settings.nginx_public_cache:
        user = target.survey.nginx.user
        command = TEMPLATES.get_template("omero-web-public-cache.j2").render(
            directory=PUBLIC_CACHE, user=user
        )
        found += [
            Directory(PUBLIC_CACHE, owner=f"{user}:root", mode="700"),
            File(PUBLIC_CACHE_COMMAND, command, mode="755"),
        ]
    return found


def items_without_cache(target: Target) -> list[Item]:
    """Return the removal of a cache that is not set any more; once NGINX has left it."""
    if target.settings.nginx_public_cache:
        return []
    emptied = run_as_user(
        target.survey.nginx.user, f"find {PUBLIC_CACHE} -mindepth 1 -ignore_readdir_race -delete"
    )
    return [
        Absent(PUBLIC_CACHE, undo=f"{emptied} && rmdir {PUBLIC_CACHE}"),
        Absent(PUBLIC_CACHE_COMMAND),
    ]


def variables(target: Target) -> dict[str, Any]:
    """Return what the templates of the site need to know."""
    # a robots.txt of the site's own lines takes the place of the bundle's
    own_robots = re.search(
        r"location\s*=\s*/robots\.txt[\s{]", "\n".join(target.application.extra_config)
    )
    names = "|".join(_VARIES_BY)
    return {
        "robots": ROBOTS if has_robots(target) and not own_robots else None,
        "public_cache": target.settings.nginx_public_cache,
        "public_cache_directory": PUBLIC_CACHE,
        "public_cache_keys": CACHE_KEYS,
        "public_images": IMAGES,
        "public_metadata": METADATA,
        "public_varies_by": f"(?:(?:{names}) *(?:, *|$))*",
    }
