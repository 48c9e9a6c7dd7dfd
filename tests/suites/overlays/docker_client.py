"""Stands in for the `docker_client` of aio-pika's and aiormq's tests: points at a running broker, starts nothing.

Copied over the unpacked suite's own module, whose names it keeps; it must not import anything of ours.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

PORT_OF_NO_LISTENER = 1


class DockerNotAvailableError(Exception):
    """Never raised here: no Docker is needed."""


@dataclass
class DockerHostInfo:
    """The broker's host, which the suite takes for the host of its container."""

    container_host: str


@dataclass
class ContainerInfo:
    """The broker, described as the container that the suite expects."""

    id: str
    ports: dict[str, int]
    host: str


def check_docker_available() -> DockerHostInfo:
    """Names the broker's host without looking for a Docker daemon."""
    return DockerHostInfo(os.environ["RABBITMQ_HOST"])


class DockerClient:
    """Answers `run` with the broker that is running already."""

    def __init__(self, docker_host_info: DockerHostInfo | None = None) -> None:
        self.host = (docker_host_info or check_docker_available()).container_host

    def run(
        self,
        image: str,
        ports: list[str],  # noqa: ARG002 - the suite's signature
        environment: dict[str, str] | None = None,  # noqa: ARG002 - the suite's signature
    ) -> ContainerInfo:
        """The broker under test; it has no TLS port, so the TLS port named is one where nothing listens."""
        amqp_port = int(os.environ["RABBITMQ_5672_TCP"])
        return ContainerInfo(image, {"5672/tcp": amqp_port, "5671/tcp": PORT_OF_NO_LISTENER}, self.host)

    def kill(self, container_id: str) -> None:
        """Leaves the broker running."""

    def remove(self, container_id: str) -> None:
        """Leaves the broker running."""
