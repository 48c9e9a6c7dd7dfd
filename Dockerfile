# Compiles and builds the packages where pip, a compiler and headers are; runs them where only Python is.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
# An image that brings its own Python brings its headers too; those of Debian's Python are a package.
RUN apt-get update -qq \
    && headers="$(python3 -c 'import sys, sysconfig, os.path as path; \
       has = path.exists(path.join(sysconfig.get_path("include"), "Python.h")); \
       print("" if has else "python%d.%d-dev" % sys.version_info[:2])')" \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends gcc libc6-dev $headers
# The image gets the versions that were tested, and no pip of its own.
COPY requirements-dev.lock ./
RUN python3 -m venv /build && python3 -m venv --without-pip /leveret
COPY pyproject.toml README.md LICENSE ./
COPY building building
COPY broker broker
COPY protocol protocol
COPY storage storage
# For an index of your own: docker build --secret id=pip.conf,src=FILE
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    REQUIRE_COMPILED=1 /build/bin/pip --python /leveret/bin/python3 install --no-cache-dir --constraint requirements-dev.lock . \
    && /leveret/bin/brokerd --version

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Leveret" \
      org.opencontainers.image.description="A message broker that speaks AMQP 0-9-1 the way RabbitMQ's clients expect it." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 999 leveret \
    && useradd --system --uid 999 --gid leveret --home-dir /var/lib/leveret --no-log-init leveret \
    && install -d -o leveret -g leveret -m 0700 /var/lib/leveret
COPY --from=build /leveret /leveret
# Half of the ten seconds after which `docker stop` kills, so that a client that does not answer costs no clean stop.
ENV PATH=/leveret/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BROKER_HOST=0.0.0.0 \
    BROKER_MANAGEMENT_HOST=0.0.0.0 \
    BROKER_METRICS_HOST=0.0.0.0 \
    BROKER_DATA_DIR=/var/lib/leveret \
    BROKER_LOOPBACK_USERS=none \
    BROKER_GENERATE_DEFAULT_PASS=true \
    BROKER_SHUTDOWN_TIMEOUT_S=5
# By number, for Kubernetes' runAsNonRoot.
USER 999:999
VOLUME /var/lib/leveret
EXPOSE 5671 5672 15672 15692
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 CMD ["brokerctl", "ping"]
CMD ["brokerd"]
