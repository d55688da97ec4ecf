"""OMERO.web, from nothing to a login page: `./run pyinfra -y inventory.py deploy.py`.

The table of contents. A phase ends on all hosts before the next one begins on any.
"""

from pyinfra import config, host, state

from roles import nginx, preflight, redis, web
from roles.nginx import smoke_test
from roles.operations import deploy_lock, phases
from roles.target import urls

# Every mistake in the inventory and on the hosts is reported here, before anything is touched.
site, member, survey = preflight.check(state, host)
lock = deploy_lock.of(state)
config.SHELL = lock.shell(host)  # runs a command while nobody else deploys to the host
config.SUDO = survey.privilege == "sudo"  # minimal images have no sudo

deploy_lock.take(name="Lock the hosts")  # with `-y`, preflight has done that

takeover = redis.is_taken_over(survey)
phases.barrier(name="Phase 1: sessions and cache (Redis)")
if "redis" in member.groups:
    redis.install(survey.manager)
    redis.configure(site, member, survey, takeover=takeover)
    redis.activate(survey.manager)

# Before OMERO.web: on a first deploy a visitor meets the maintenance page, not a closed port.
phases.barrier(name="Phase 2: front door (NGINX)")
if "nginx" in member.groups:
    nginx.install(survey.manager)
    nginx.prepare(site, member, survey)
    nginx.activate(survey.manager)

phases.barrier(name="Phase 3: OMERO.web")
if "web" in member.groups:
    release = web.wanted(member.settings, survey)
    web.install(release, member, survey)
    web.check(site, member, release)
# What was installed otherwise serves until here: its successor is built, and will start.
if survey.existing.has_nginx_site and "nginx" in member.groups:
    nginx.take_over(site, member, survey)
    nginx.activate(survey.manager)
if "web" in member.groups:
    web.configure(site, member, release, survey)

# Before OMERO.web's pages name them; those of the release before are still served.
phases.barrier(name="Phase 4: static files for NGINX on other hosts")
if "nginx" in member.groups:
    nginx.deliver(site, member, preflight.surveys(state))

phases.barrier(name="Phase 5: OMERO.web serves")
if "web" in member.groups:
    web.activate(site, member, release, survey.manager)
if "redis" in member.groups and takeover:  # nobody comes by the port that is open until here
    redis.configure(site, member, survey)
    redis.activate(survey.manager)

# After OMERO.web: where its port has changed, it is bound before NGINX sends anyone to it.
phases.barrier(name="Phase 6: the site")
if "nginx" in member.groups:
    nginx.configure(site, member, survey)
    nginx.activate(survey.manager)

phases.barrier(name="Phase 7: a visit")
if "nginx" in member.groups:
    smoke_test.verify_public_url(
        name="Ask the public URL",
        url=urls.public_url(site, member, survey),
        own=urls.own_url(site, member, survey),
        port=urls.port(member.settings),
        _shell_executable=lock.shell(host, last=True),
    )
else:
    deploy_lock.give_back(name="Unlock the host")
