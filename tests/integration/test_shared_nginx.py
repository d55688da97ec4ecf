"""A host whose NGINX serves others' sites, too, and is set up as nginx.org's package does it."""

from __future__ import annotations

from tests.certificates import issue
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import assert_well

NAME, WIKI, STATUS = "omero.example.org", "wiki.example.org", "status.example.org"
EXTRA = "omero.web.nginx_server_extra_config"
SITE = "/etc/nginx/conf.d/omero-web.conf"
LOGIN = "/webclient/login/"
DEFAULT = """server {{
    listen 80 default_server;
    listen [::]:80 default_server;
    server_name {};
    location / {{ return 200 "the wiki"; }}
}}
"""
# nginx.org's conf.d/default.conf
WELCOME = """server {
    listen       80;
    server_name  localhost;
    #charset koi8-r;
    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }
    error_page   500 502 503 504  /50x.html;
    location = /50x.html {
        root   /usr/share/nginx/html;
    }
}
"""
OWN = "server { listen 80; server_name status.example.org; location / { return 200 status; } }\n"
# As OME's own sites have it: the site of the Ansible role, and TLS in a file that it includes.
INCLUDES = "/etc/nginx/conf.d-nested-includes"
FORMER = f"""upstream omeroweb {{ server 127.0.0.1:4080; }}
server {{
    listen 80;
    server_name {NAME};
    include {INCLUDES}/*.conf;
    location / {{ proxy_pass http://omeroweb; }}
}}
"""
SECURE = "listen 443 ssl; ssl_certificate /etc/nginx/a.pem; ssl_certificate_key /etc/nginx/a.key;\n"


def set_up(host: Host) -> None:
    """Leave NGINX as it is before the first deploy, with the others' sites."""
    host.run(
        f"""rm {SITE} && useradd -r -s /usr/sbin/nologin nginx
        sed -i 's/^user .*/user nginx;/' /etc/nginx/nginx.conf
        ln -s ../sites-available/default /etc/nginx/sites-enabled/default"""
    )
    host.write("/etc/nginx/sites-available/default", DEFAULT.format(WIKI))
    host.write("/etc/nginx/conf.d/default.conf", WELCOME)
    host.write("/etc/nginx/conf.d/status.conf", OWN)
    host.write("/etc/nginx/conf.d/omeroweb.conf", FORMER)
    host.write(f"{INCLUDES}/ssl.conf", SECURE)
    issued = issue(NAME)
    host.write("/etc/nginx/a.pem", issued.pem)
    host.write("/etc/nginx/a.key", issued.key_pem, "0600")
    host.run("nginx -t && systemctl reload nginx")


def assert_others_are_served(host: Host) -> None:
    for name in (WIKI, "any.example.org"):
        host.wait_until(
            lambda asked=name: host.http(host_header=asked).text == "the wiki",  # type: ignore[misc]
            10,
            "the wiki",
        )
    assert host.http(host_header=STATUS).text == "status"


def test_other_sites_stay_and_nginx_s_own_user_reaches_everything(
    make_host: MakeHost, deployed_systemd_image: str
) -> None:
    host = make_host("systemd", image=deployed_systemd_image)
    set_up(host)
    assert_others_are_served(host)

    # a configuration that is broken already, and a site that takes OMERO.web's place
    files = "find /etc/nginx /etc/systemd/system -type f | sort | xargs md5sum"
    before = host.run(files).stdout
    refused = deploy(docker_inventory(host), expect=1)
    assert "nothing has been changed" in refused.output
    assert "/etc/nginx/sites-enabled/default: is the default server of port 80" in refused.output
    assert "nginx_tls: /etc/nginx/conf.d/omeroweb.conf uses TLS" in refused.output
    extra = {EXTRA: [f"include {INCLUDES}/*.conf;"]}
    refused = deploy(docker_inventory(host, nginx_server_name=NAME, web_config=extra), expect=1)
    assert f"{EXTRA}: includes {INCLUDES}/ssl.conf, which has `listen" in refused.output
    host.write("/etc/nginx/conf.d/broken.conf", "no_such on;\n")
    refused = deploy(docker_inventory(host, nginx_server_name=WIKI), expect=1)
    assert 'unknown directive "no_such" in /etc/nginx/conf.d/broken.conf:1' in refused.output
    host.run("rm /etc/nginx/conf.d/broken.conf")
    refused = deploy(docker_inventory(host, nginx_server_name=WIKI), expect=1)
    assert f"has the name {WIKI} on port 80" in refused.output
    assert host.run(files).stdout == before
    assert_others_are_served(host)

    inventory = docker_inventory(
        host,
        nginx_server_name=NAME,
    )
    deploy(inventory)
    assert_others_are_served(host)
    page = host.http(LOGIN, host_header=NAME)
    assert page.status_code == 200 and "OMERO.web - Login" in page.text
    assert host.http("/static/webgateway/css/ome.body.css", host_header=NAME).status_code == 200
    assert not host.exists("/etc/nginx/conf.d/default.conf")  # the package's, unchanged
    assert not host.exists("/etc/nginx/conf.d/omeroweb.conf")  # replaced
    assert {each.user for each in host.processes("^nginx: worker")} == {"nginx"}
    assert host.run("stat -c %U:%G:%a /run/omero-web.sock").stdout == "omero-web:nginx:660\n"
    assert host.run("stat -c %U /var/log/nginx/omero-web.access.log").stdout == "nginx\n"
    host.run("omeroweb-ops maintenance on")
    assert host.http(LOGIN, host_header=NAME).status_code == 503
    assert_others_are_served(host)
    host.run("omeroweb-ops maintenance off")
    assert_well(host, "--connect", "127.0.0.1")
    assert deploy(inventory).changed == 0
