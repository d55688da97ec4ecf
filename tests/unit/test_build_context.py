"""What travels to the engine that builds the image: .dockerignore, as Docker's client reads it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.helpers import build_context

ROOT = Path(__file__).parents[2]
SITE = (
    "secrets.yml", "secrets.prod.yaml", "site.py", "inventory.py", "site.pem", "site.key", ".env",
    "id_ed25519", "desired.json", "config/omero.key", "app/site.pem", "roles/web/site.key",
    "roles/secrets.yml", "wheels/secrets.txt", ".git/config", ".venv/bin/python", "notes/passwords",
)  # fmt: skip
NEEDED = (
    "run", "requirements.txt", "requirements-uv.txt", "app/requirements.txt", "roles/web/image.py",
    "roles/inventory/secrets_file.py", "app/omeroweb_ops/data/schema.json",
    "wheels/zeroc_ice-3.6.5.whl",
)  # fmt: skip


def test_a_site_s_own_files_do_not_travel(tmp_path: Path) -> None:
    for name in (*SITE, *NEEDED):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    context = build_context(tmp_path, (ROOT / ".dockerignore").read_text())
    files = {name for name in context if (tmp_path / name).is_file()}
    assert files == {*NEEDED}
