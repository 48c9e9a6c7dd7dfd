"""brokerd: the daemon's command. Must not: do more than read the configuration, start the server and report."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import sys
from collections.abc import Sequence

import uvloop

from broker import build
from broker.config import Config, ConfigError, load_config
from broker.config_options import options_of
from broker.config_sources import unknown_variables
from broker.log_output import logging_to
from broker.logs import RecentLines
from broker.server import Server, StartError
from broker.supervisor import Supervisor

log = logging.getLogger("leveret")
USAGE_ERROR = 2


async def _serve(config: Config, recent: RecentLines) -> None:
    server = Server(config, asyncio.get_running_loop(), recent, Supervisor(os.environ))
    address = await server.start()
    log.log(logging.INFO if build.compiled_modules() else logging.WARNING, "this broker is %s", build.description())
    log.info("listening on %s", address)
    print(f"brokerd: listening on {address}, data in {config.data_dir}{_also_served(config)}", flush=True)
    await server.run_until_stopped()


def _also_served(config: Config) -> str:
    """The page and the metrics, for people."""
    scheme = "https" if config.management_tls else "http"
    host = config.management_host or config.host.split(",")[0].strip()
    page = f", page on {scheme}://{_in_url(host)}:{config.management_port}" if config.management_port else ""
    metrics = f", metrics on {config.metrics_host}:{config.metrics_port}" if config.metrics_port else ""
    return page + metrics


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _tell_ignored() -> None:
    """Names the variables that somebody may count on and that do nothing."""
    for name in unknown_variables(tuple(options_of(Config)), os.environ):
        log.warning("the environment's %s is no setting of brokerd; brokerd --help lists them", name)
    if not any(name.startswith("RABBITMQ_") for name in os.environ):
        return
    from broker.config_rabbitmq import ignored_variables  # noqa: PLC0415  # a table that most starts do not need

    for name, advice in ignored_variables(os.environ):
        log.warning("the environment's %s does nothing here: %s", name, advice)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the broker until it is told to stop.

    Returns: the exit status: 0 after a clean stop, 2 where it could not start.
    """
    try:
        config = load_config(sys.argv[1:] if argv is None else argv, os.environ)
        faulthandler.enable()  # what every thread was doing, where the watchdog or a fault ends the process
        recent = RecentLines()
        with logging_to(config, recent):
            _tell_ignored()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(config, recent))
    except (ConfigError, StartError) as error:
        print(f"brokerd: {error}", file=sys.stderr)
        return USAGE_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
