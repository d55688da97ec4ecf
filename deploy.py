"""OMERO.web, from nothing to a login page: `./run pyinfra -y inventory.py deploy.py`.

The table of contents. A phase ends on all hosts before the next one begins on any.
"""

from pyinfra import config, host, state

from roles import preflight
from roles.nginx import role as nginx
from roles.nginx import smoke_test
from roles.operations import deploy_lock, phases
from roles.redis import role as redis
from roles.target import urls
from roles.web import role as web

# Every error in the inventory and on the hosts is reported here, before anything is touched.
target = preflight.check(state, host)
lock = deploy_lock.of(state)
config.SHELL = lock.shell(host)  # runs a command while nobody else deploys to the host
config.SUDO = target.survey.privilege == "sudo"  # minimal images have no sudo

deploy_lock.take(name="Lock the hosts")  # with `-y`, preflight has done that

takeover = redis.is_taken_over(target.survey)
phases.barrier("Phase 1: sessions and cache (Redis)")
if "redis" in target.groups:
    redis.install(target.manager)
    redis.configure(target, takeover=takeover)
    redis.activate(target.manager)

# Before OMERO.web: a first deploy then shows visitors the maintenance page, not a closed port.
phases.barrier("Phase 2: front door (NGINX)")
if "nginx" in target.groups:
    nginx.install(target)
    nginx.prepare(target)
    nginx.activate(target)

phases.barrier("Phase 3: OMERO.web")
if "web" in target.groups:
    release = web.wanted(target.settings, target.survey)
    web.install(target, release)
    web.check(target, release)
# An existing installation keeps running until its successor is built and has been tried.
if target.survey.existing.has_nginx_site and "nginx" in target.groups:
    nginx.take_over(target)
    nginx.activate(target)
if "web" in target.groups:
    web.configure(target, release)

# Before OMERO.web's pages name these files; the previous release's files stay readable.
phases.barrier("Phase 4: static files for NGINX on other hosts")
if "nginx" in target.groups:
    nginx.deliver(target, preflight.surveys(state))

phases.barrier("Phase 5: OMERO.web's service")
if "web" in target.groups:
    web.activate(target, release)
if "redis" in target.groups and takeover:  # the port was kept open for the old OMERO.web
    redis.configure(target)
    redis.activate(target.manager)

# After OMERO.web: if OMERO.web's port has changed, the new port must answer before NGINX uses it.
phases.barrier("Phase 6: the site")
if "nginx" in target.groups:
    nginx.configure(target)
    nginx.activate(target)
    nginx.clean(target)
    nginx.certify(target)

phases.barrier("Phase 7: the public URL")
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
if "web" in target.groups:
    web.report()
if "nginx" in target.groups:
    nginx.report(target)
