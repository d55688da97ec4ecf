"""The survey's look at the NGINX of a host, run by a real shell in a directory."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roles.host_paths import NGINX_DEFAULTS
from roles.survey import existing_installation, existing_nginx
from roles.survey.existing_nginx import ExistingNginx, Listen
from tests.operations.local import programs, shell

MAIN = """user www-data;
events { worker_connections 768; }
http {
    include /etc/nginx/mime.types;
    include /etc/nginx/conf.d/*.conf;
    include sites-enabled/*;
}
"""
WELCOME = """
server {
    listen       80;
    server_name  localhost;
    #access_log  /var/log/nginx/host.access.log  main;
    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }
    error_page   500 502 503 504  /50x.html;
    location = /50x.html { root   /usr/share/nginx/html; }
    # location ~ \\.php$ { proxy_pass   http://127.0.0.1; }
}
"""
DEBIAN = "server { listen 80 default_server; root /var/www/html; server_name _; }\n"
# Prints the files as `nginx -T` does; `nginx -t` has the status of a file and prints it.
NGINX = r"""
case $* in
    -V) echo 'nginx version: nginx/1.22.1' >&2
        echo 'configure arguments: BUILT' >&2 ;;
    '-T -q'*)
        cd FOLDER/etc/nginx
        [ $# = 2 ] || cd "${4%/*}"
        ! grep -Rqs no_such conf.d || exit 1
        for f in nginx.conf mime.types conf.d/* sites-enabled/* more/*; do
            [ -f "$f" ] || continue
            echo "# configuration file $PWD/$f:"; cat "$f"; echo
        done ;;
    *) grep -Rqs no_such "${4%/*}/conf.d" || exit 0
        echo "nginx: [warn] x" >&2
        echo "nginx: [emerg] unknown directive in ${4%/*}/conf.d/a.conf:1" >&2; exit 1 ;;
esac
"""
MODULES = " ".join(f"--with-{name}_module" for name in existing_nginx._MODULES)


class Host:
    """A directory in the place of /."""

    def __init__(self, folder: Path, built: str = MODULES) -> None:
        self.folder = folder
        for directory in ("conf.d", "sites-enabled", "sites-available", "more"):
            (folder / "etc/nginx" / directory).mkdir(parents=True)
        self.write("etc/nginx/nginx.conf", MAIN)
        nginx = NGINX.replace("FOLDER", str(folder)).replace("BUILT", built)
        shipped = hashlib.md5(DEBIAN.encode(), usedforsecurity=False).hexdigest()
        conffile = f"{folder}/etc/nginx/sites-available/default"
        dpkg = f'[ "$3" = nginx-common ] && echo " {conffile} {shipped}"'
        self.stand_ins = programs(folder / "bin", nginx=nginx, **{"dpkg-query": dpkg})

    def write(self, path: str, text: str) -> None:
        found = self.folder / path
        found.parent.mkdir(parents=True, exist_ok=True)
        found.write_text(text)

    def default(self, text: str) -> None:
        """Debian's default site, linked as its package does it."""
        self.write("etc/nginx/sites-available/default", text)
        link = self.folder / "etc/nginx/sites-enabled/default"
        link.unlink(missing_ok=True)
        link.symlink_to("../sites-available/default")

    def survey(self, *includes: str, front: str = "yes") -> ExistingNginx:
        script = existing_installation.SCRIPT + existing_nginx.SCRIPT
        script = re.sub(r"(?<![\w}#])(?=/(etc|usr|var|opt)/)", str(self.folder), script)
        script = script.replace("{file#/etc", f"{{file#{self.folder}/etc")
        given = f"front={front}\nextra_includes='{' '.join(includes)}'\n"
        lines = shell(given + script, stand_ins=self.stand_ins).stdout.splitlines()
        return existing_nginx.read(line.replace(str(self.folder), "") for line in lines)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_debian_s_nginx_is_read(host: Host) -> None:
    host.default(DEBIAN)
    found = host.survey()
    assert (found.version, found.user, found.group) == ((1, 22, 1), "www-data", "www-data")
    assert found.includes_site
    assert (found.missing, found.errors) == ((), ())
    assert found.packaged == ("/etc/nginx/sites-enabled/default",)
    assert found.others(()) == ()
    assert found.defaults == NGINX_DEFAULTS


def test_a_host_that_is_not_in_the_group_nginx_is_not_asked(host: Host) -> None:
    host.default("server { listen 80; }")
    assert host.survey(front="") == existing_nginx.NO_NGINX


@pytest.mark.parametrize(
    ("text", "pages", "kind"),
    [
        (DEBIAN, ("index.nginx-debian.html",), "packaged"),
        (DEBIAN, ("index.nginx-debian.html", "index.html"), "changed"),
        (DEBIAN, ("wiki/index.html",), "changed"),
        (DEBIAN.replace("_;", "wiki.example.org;"), (), "changed"),
    ],
)
def test_a_default_site_is_somebody_s_if_it_or_its_pages_are(
    host: Host, text: str, pages: tuple[str, ...], kind: str
) -> None:
    host.default(text)
    for page in pages:
        host.write(f"var/www/html/{page}", "<html>")
    found = host.survey()
    path = "/etc/nginx/sites-enabled/default"
    assert (found.packaged, found.changed) == (
        ((path,), ()) if kind == "packaged" else ((), (path,))
    )
    assert (path in found.defaults) == (kind == "packaged")
    assert [each.file for each in found.others(())] == ([] if kind == "packaged" else [path])


def test_a_default_link_that_leads_elsewhere_is_somebody_s(host: Host) -> None:
    host.write("etc/nginx/sites-available/wiki", "server { listen 80; server_name wiki; }")
    (host.folder / "etc/nginx/sites-enabled/default").symlink_to("../sites-available/wiki")
    assert host.survey().changed == ("/etc/nginx/sites-enabled/default",)


@pytest.mark.parametrize(
    ("text", "page", "kind"),
    [
        (WELCOME, "index.html", "packaged"),
        (WELCOME, "mine.html", "changed"),
        (WELCOME.replace("#access", "access"), "index.html", "changed"),
        ("server { listen 80; server_name localhost; }", "index.html", "changed"),
    ],
)
def test_nginx_org_s_welcome_page_is_known_by_its_text(
    host: Host, text: str, page: str, kind: str
) -> None:
    host.write("etc/nginx/conf.d/default.conf", text)
    host.write(f"usr/share/nginx/html/{page}", "<html>")
    found = host.survey()
    path = "/etc/nginx/conf.d/default.conf"
    assert getattr(found, kind) == (path,)
    assert (path in found.defaults) == (kind == "packaged")


@pytest.mark.parametrize(
    ("line", "user"),
    [
        ("user nginx;", ("nginx", "nginx")),
        ("user  web  www;", ("web", "www")),
        ("", ("nobody", "nogroup")),
        ("include /etc/nginx/more/*;", ("other", "other")),
    ],
)
def test_the_workers_user_is_found(host: Host, line: str, user: tuple[str, str]) -> None:
    host.write("etc/nginx/nginx.conf", MAIN.replace("user www-data;", line))
    host.write("etc/nginx/more/user", "user other;")
    found = host.survey()
    assert (found.user, found.group) == user


def test_the_user_that_nginx_was_built_with_is_used_without_a_directive(tmp_path: Path) -> None:
    host = Host(tmp_path, built="--user=nginx --group=nginx --with-http_ssl_module")
    host.write("etc/nginx/nginx.conf", MAIN.replace("user www-data;", ""))
    found = host.survey()
    assert (found.user, found.group) == ("nginx", "nginx")
    assert found.missing == tuple(f"{name}_module" for name in existing_nginx._MODULES[1:])


def test_a_main_file_without_conf_d_is_noticed(host: Host) -> None:
    for include in ("/etc/nginx/conf.d/*.conf", "conf.d/*", "/etc/nginx/*/omero-web.conf"):
        host.write("etc/nginx/nginx.conf", MAIN.replace("/etc/nginx/conf.d/*.conf", include))
        assert host.survey().includes_site, include
    for include in (
        "/etc/nginx/http.d/*.conf",
        "/etc/nginx/conf.d/wiki*.conf",
        "/etc/nginx/*.conf",
    ):
        host.write("etc/nginx/nginx.conf", MAIN.replace("/etc/nginx/conf.d/*.conf", include))
        assert not host.survey().includes_site, include


def test_what_a_server_includes_is_its_own(host: Host) -> None:
    host.write(
        "etc/nginx/conf.d/a.conf",
        'map $x $y { default "{"; "~;" \'}\'; }  # server {\n'
        "server { server_name a.example; include more/*.tls; location / { return 200 ${x}; } }\n"
        'server { listen 127.0.0.1:8080-8090; listen unix:/x; server_name "b .example" c; }\n'
        'server { content_by_lua_block { x = "it\'s" } listen [::]:80 default_server; }\n'
        "server { server_name d; }\n",
    )
    host.write("etc/nginx/more/a.tls", "listen 443 ssl; ssl_certificate x; set $a {;")
    found = host.survey("more/*.tls", "/etc/nginx/none/*")
    a, b, c, d = found.others(())
    secure = Listen("*", 443, 443, frozenset({"ssl"}))
    assert (a.listens, a.names) == ((secure,), ("a.example",))
    assert b.listens == (Listen("127.0.0.1", 8080, 8090, frozenset()),)
    assert b.names[-1] == "c"
    assert c.listens[0].is_default and c.listens[0].is_wildcard
    assert d.listens == (Listen("*", 80, 80, frozenset()),)
    assert found.secure_files == {"/etc/nginx/conf.d/a.conf"}
    assert found.extra == {"more/a.tls": (secure,)}
    assert [*found.default_server(80, ())] == ["[::]"]
    assert found.others({"/etc/nginx/conf.d/a.conf"}) == ()


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("no_such on;", ("nginx: [emerg] unknown directive in /etc/nginx/conf.d/a.conf:1",)),
        # the deploy replaces these
        (f"# {existing_installation.MANAGED_MARKER}\nno_such on;", ()),
        ("upstream omeroweb { no_such on; }", ()),
    ],
)
def test_a_configuration_that_nginx_refuses_is_reported(
    host: Host, text: str, errors: tuple[str, ...]
) -> None:
    host.write("etc/nginx/conf.d/a.conf", text)
    host.write("etc/nginx/conf.d/b.conf", "server { server_name b; }")
    found = host.survey()
    assert found.errors == errors
    assert [each.names for each in found.others(())] == ([] if errors else [("b",)])
    assert found.includes_site


WORD = st.text(st.sampled_from("ab;{}'\"# \\$"), min_size=1, max_size=8)


def quoted(word: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", word)
    return f'"{escaped}"'


@settings(max_examples=25, deadline=None)
@given(words=st.lists(WORD, min_size=1, max_size=4))
def test_no_text_hides_the_next_statement(words: list[str]) -> None:
    script = existing_nginx.SCRIPT.partition("existing_nginx() {")[0] + "\nnginx_statements"
    values = " ".join(map(quoted, words))
    text = (
        f"# configuration file /etc/nginx/nginx.conf:\nhttp {{ log_format x {values};\n"
        f"map $a $b {{ default {values}; }} # {' '.join(words)}\n"
        "server { listen 81; } }\n"
    )
    done = shell(script, stdin=text)
    lines = [f"nginx={line}" for line in done.stdout.splitlines()]
    found = existing_nginx.read(["nginx_version=1.22.1", "nginx_user=", *lines])
    assert [each.listens[0].first for each in found.others(())] == [81]
