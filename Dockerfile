# OMERO.web, NGINX and Redis as images: docker build --target web -t omero-web .
# The roles that deploy a host build these images, too; only their install functions run here.
# Plugins: --build-arg PLUGINS="omero-iviewer omero-figure"
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS tools
RUN apt-get update -q && apt-get install -q -y --no-install-recommends python3 ca-certificates
COPY . /bundle
RUN /bundle/run pyinfra --version

# zeroc-ice: from wheels/ in the build context, else compiled here.
FROM tools AS ice
RUN /bundle/run pyinfra -y @local roles.web.image.wheel

FROM tools AS install
COPY --from=ice /var/cache/omeroweb-ops /var/cache/omeroweb-ops
ARG PLUGINS=
RUN /bundle/run pyinfra -y @local roles.web.image.install plugins="${PLUGINS}" && \
    sh /bundle/roles/operations/finish_image.sh omero-web "$(readlink -f /opt/omero/web/venv3)" && \
    basename "$(readlink -f /opt/omero/web/venv3)" > /usr/share/doc/omero-web/release && \
    userdel omero-web-build && \
    # of one installation
    rm -rf /opt/omero/web/state/* /opt/omero/web/OMERO.web/var/* && \
    # A container may have any uid, with group 0.
    chown 1000:0 /opt/omero/web/OMERO.web/var && chmod 2770 /opt/omero/web/OMERO.web/var && \
    install -d -o 1000 -g 0 -m 2770 /opt/omero/keys && \
    install -d /opt/omero/web/config /opt/omero/web/apps && \
    cd /opt/omero/web/venv3/lib/python3*/site-packages && echo /opt/omero/web/apps > omeroweb-apps.pth

# One layer, without files that the build has deleted.
FROM scratch AS web
ARG PLUGINS=
COPY --from=install / /
# The versions are those of app/requirements.txt and app/pyproject.toml (tests/unit/web).
# RELEASE: the content of /usr/share/doc/omero-web/release, which a build cannot put here itself.
ARG BASE
ARG REVISION=
ARG RELEASE=
LABEL org.opencontainers.image.title="OMERO.web" \
    org.opencontainers.image.description="OMERO.web with gunicorn, configured by variables" \
    org.opencontainers.image.version="5.33.2" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.base.name="${BASE}" \
    omeroweb-bundle.version="0.1.0" \
    omeroweb-bundle.release="${RELEASE}" \
    omeroweb-bundle.omero-web="5.33.2" \
    omeroweb-bundle.omero-py="5.23.0" \
    omeroweb-bundle.django="5.2.19"
ENV OMEROWEB_PLUGINS=${PLUGINS} \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    OMERODIR=/opt/omero/web/OMERO.web \
    PYTHONSAFEPATH=1 \
    PYTHONNOUSERSITE=1
USER 1000:0
# gunicorn imports from the current directory, so the service must not be able to write there.
WORKDIR /opt/omero/web
EXPOSE 4080
VOLUME /opt/omero/web/OMERO.web/var
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD ["/usr/local/bin/omeroweb-ops", "ready", "--timeout", "5"]
# Until a program handles a signal, the kernel ignores it for process 1, but not for a child.
ENTRYPOINT ["/usr/bin/tini", "-s", "--"]
CMD ["/usr/local/bin/omeroweb-ops", "serve"]

# NGINX and Redis need only the pure part of the roles, which writes their configuration.
FROM tools AS roles
RUN /bundle/run uv venv -q --python /usr/bin/python3 /opt/omero/venv && \
    /bundle/run uv pip install -q --python /opt/omero/venv --compile-bytecode \
        --require-hashes -r /bundle/requirements-image.txt && \
    mkdir /opt/omero/bundle && cp -r /bundle/roles /bundle/app /opt/omero/bundle/ && \
    python3 -m compileall -q /opt/omero/bundle

FROM roles AS nginx-install
RUN /bundle/run pyinfra -y @local roles.nginx.image.install && \
    sh /bundle/roles/operations/finish_image.sh omero-web-nginx /opt/omero/venv

FROM roles AS redis-install
RUN /bundle/run pyinfra -y @local roles.redis.image.install && \
    sh /bundle/roles/operations/finish_image.sh omero-web-redis /opt/omero/venv

FROM scratch AS nginx
COPY --from=nginx-install / /
# Of the web image with the same release.
COPY --from=install /opt/omero/web/venv3/static/ /var/lib/omeroweb-ops/static/current/
COPY --from=install /usr/share/doc/omero-web/release /usr/share/doc/omero-web/
ARG BASE
ARG REVISION=
ARG RELEASE=
LABEL org.opencontainers.image.title="NGINX for OMERO.web" \
    org.opencontainers.image.description="NGINX with the static files and the maintenance page of OMERO.web" \
    org.opencontainers.image.version="5.33.2" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.base.name="${BASE}" \
    omeroweb-bundle.version="0.1.0" \
    omeroweb-bundle.release="${RELEASE}" \
    omeroweb-bundle.omero-web="5.33.2"
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONPATH=/opt/omero/bundle:/opt/omero/bundle/app \
    PYTHONSAFEPATH=1
USER 1000:0
EXPOSE 8080 8443
VOLUME /run/omero-web /var/lib/nginx /var/lib/omero-web-maintenance
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --timeout=5s CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && \
    printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == HTTP/* ]]"]
ENTRYPOINT ["/usr/bin/tini", "-s", "--"]
CMD ["/opt/omero/venv/bin/python", "-m", "roles.nginx.container"]

FROM scratch AS redis
COPY --from=redis-install / /
ARG BASE
ARG REVISION=
LABEL org.opencontainers.image.title="Redis for OMERO.web" \
    org.opencontainers.image.description="Redis for the sessions of OMERO.web" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.base.name="${BASE}" \
    omeroweb-bundle.version="0.1.0"
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONPATH=/opt/omero/bundle:/opt/omero/bundle/app \
    PYTHONSAFEPATH=1
USER 1000:0
WORKDIR /var/lib/redis
EXPOSE 6379
VOLUME /run/omero-web /var/lib/redis
HEALTHCHECK --interval=5s --timeout=5s \
    CMD ["/bin/sh", "-c", "redis-cli -s /run/omero-web/redis.sock ping 2>&1 | grep -qE 'PONG|NOAUTH'"]
ENTRYPOINT ["/usr/bin/tini", "-s", "--"]
CMD ["/opt/omero/venv/bin/python", "-m", "roles.redis.container"]
