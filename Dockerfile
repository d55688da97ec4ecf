# OMERO.web as an image: docker build --target web -t omero-web .
# The roles that deploy a host build this image, too; only their install functions run here.
# Plugins: --build-arg PLUGINS="omero-iviewer omero-figure"
ARG BASE=debian:bookworm-slim

# zeroc-ice: from wheels/ in the build context, else compiled here.
FROM ${BASE} AS ice
RUN apt-get update -q && apt-get install -q -y --no-install-recommends python3 ca-certificates
COPY . /bundle
RUN /bundle/run pyinfra -y @local roles.web.image.wheel

FROM ${BASE} AS install
RUN apt-get update -q && apt-get install -q -y --no-install-recommends python3 ca-certificates
COPY . /bundle
COPY --from=ice /var/cache/omeroweb-ops /var/cache/omeroweb-ops
ARG PLUGINS=
RUN /bundle/run pyinfra -y @local roles.web.image.install plugins="${PLUGINS}" && \
    # removed: build tools, and files that belong to one installation
    apt-get purge -q -y --auto-remove python3-venv && \
    userdel omero-web-build && \
    rm -rf /bundle /root/.cache /var/cache/omeroweb-ops /var/cache/apt /var/lib/apt/lists/* \
        /var/log/* /tmp/* /opt/omero/web/state/* /opt/omero/web/OMERO.web/var/* && \
    chown 1000:1000 /opt/omero/web/OMERO.web/var && \
    install -d /opt/omero/web/config /opt/omero/web/apps && \
    cd /opt/omero/web/venv3/lib/python3*/site-packages && echo /opt/omero/web/apps > omeroweb-apps.pth

# One layer, without files that the build has deleted.
FROM scratch AS web
ARG PLUGINS=
COPY --from=install / /
ENV OMEROWEB_PLUGINS=${PLUGINS} \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    OMERODIR=/opt/omero/web/OMERO.web \
    PYTHONSAFEPATH=1 \
    PYTHONNOUSERSITE=1
USER 1000:1000
# gunicorn imports from the current directory, so the service must not be able to write there.
WORKDIR /opt/omero/web
EXPOSE 4080
VOLUME /opt/omero/web/OMERO.web/var
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD ["/usr/local/bin/omeroweb-ops", "ready", "--timeout", "5"]
CMD ["/usr/local/bin/omeroweb-ops", "serve"]
