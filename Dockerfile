# Builds the packages where a compiler and headers may be, runs them where only Python is.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY broker broker
COPY protocol protocol
COPY storage storage
RUN python3 -m venv /leveret && /leveret/bin/pip install --no-cache-dir .

FROM ${PYTHON_IMAGE}
RUN groupadd --system --gid 999 leveret \
    && useradd --system --uid 999 --gid leveret --home-dir /var/lib/leveret leveret \
    && install -d -o leveret -g leveret -m 0700 /var/lib/leveret
COPY --from=build /leveret /leveret
ENV PATH=/leveret/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BROKER_HOST=0.0.0.0 \
    BROKER_METRICS_HOST=0.0.0.0 \
    BROKER_DATA_DIR=/var/lib/leveret \
    BROKER_LOOPBACK_USERS=none \
    BROKER_GENERATE_DEFAULT_PASS=true
USER leveret
VOLUME /var/lib/leveret
EXPOSE 5672 15692
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 CMD ["brokerctl", "status"]
CMD ["brokerd"]
