"""OMERO.web, from nothing to a login page: `./run pyinfra -y inventory.py deploy.py`.

The table of contents. A phase ends on all hosts before the next one begins on any.
"""

from pyinfra import config, host, state

from roles import preflight
from roles.nginx import role as nginx
from roles.nginx import smoke_test
from roles.operations import deploy_lock, known_facts, packages, phases
from roles.redis import role as redis
from roles.target import urls
from roles.web import role as web

# Every error in the inventory and on the hosts is reported here, before anything is touched.
target = preflight.check(state, host)
lock = deploy_lock.of(state)
config.SHELL = lock.shell(host)  # runs a command while nobody else deploys to the host
config.SUDO = target.survey.privilege == "sudo"  # minimal images have no sudo

deploy_lock.take(name="Lock the hosts")  # with `-y`, preflight has done that

release = web.wanted(target.settings, target.survey) if "web" in target.groups else None
known_facts.expect(
    host,
    (
        *redis.questions(target),
        *nginx.questions(target),
        *(web.questions(target, release) if release else ()),
    ),
)

# The release first, because it is built while the other packages are installed.
phases.barrier("Phase 1: packages, and OMERO.web's release")
if release:
    web.install(target, release)
packages.install(
    name="Install packages",
    names=(
        *redis.package_names(target),
        *nginx.package_names(target),
        *(web.package_names(target) if release else ()),
    ),
)

takeover = redis.is_taken_over(target.survey)
phases.barrier("Phase 2: sessions and cache (Redis)")
if "redis" in target.groups:
    redis.configure(target, takeover=takeover)
    redis.activate(target.manager)

# Before OMERO.web: a first deploy then shows visitors the maintenance page, not a closed port.
phases.barrier("Phase 3: front door (NGINX)")
if "nginx" in target.groups:
    nginx.prepare(target)
    nginx.activate(target)

phases.barrier("Phase 4: OMERO.web")
if release:
    web.check(target, release)
# An existing installation keeps running until its successor is built and has been tried.
if target.survey.existing.has_nginx_site and "nginx" in target.groups:
    nginx.take_over(target)
    nginx.activate(target)
if release:
    web.configure(target, release)

# Before OMERO.web's pages name these files; the previous release's files stay readable.
phases.barrier("Phase 5: static files for NGINX on other hosts")
if "nginx" in target.groups:
    nginx.deliver(target, preflight.surveys(state))

phases.barrier("Phase 6: OMERO.web's service")
if release:
    web.activate(target, release)
if "redis" in target.groups and takeover:  # the port was kept open for the old OMERO.web
    redis.configure(target)
    redis.activate(target.manager)

# After OMERO.web: if OMERO.web's port has changed, the new port must answer before NGINX uses it.
phases.barrier("Phase 7: the site")
if "nginx" in target.groups:
    nginx.configure(target)
    nginx.activate(target)
    nginx.clean(target)
    nginx.certify(target)

phases.barrier("Phase 8: the public URL")
if "nginx" in target.groups:
    smoke_test.verify_public_url(
        name="Ask the public URL",
        url=urls.public_url(target),
        own=urls.own_url(target),
        port=urls.port(target.settings),
        own_login=target.application.has_own_login,
        _shell_executable=lock.shell(host, last=True),
    )
else:
    deploy_lock.give_back(name="Unlock the host")
if release:
    web.report()
if "nginx" in target.groups:
    nginx.report(target)
