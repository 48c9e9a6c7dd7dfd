"""brokerctl doctor: looks for what is wrong, or will be, and says what to do. Must not: change anything."""

from __future__ import annotations

import click

from broker.cli.context import Context
from broker.cli.exits import FOUND, OK, USAGE, CtlError
from broker.cli.group import command


@command
@click.option(
    "--celery",
    "application",
    metavar="MODULE:APP",
    help="Check this Celery application too, named as celery -A names it; its module is imported.",
)
@click.option(
    "--celery-config",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Check this file of Celery settings too; it is run.",
)
def doctor(context: Context, application: str | None, file: str | None) -> int:
    """Check the broker, and a Celery configuration against it; say in plain words what is wrong and what to do.

    Exit status: 0 nothing is wrong (notes do not count), 1 something is.
    """
    if application is not None and file is not None:
        raise CtlError("give --celery or --celery-config, not both", USAGE)
    # Many modules, which no other command needs.
    from broker.cli.doctor import celery_checks, celery_config, checks, report  # noqa: PLC0415

    settings = None
    if application is not None:
        settings = celery_config.from_application(application)
    elif file is not None:
        settings = celery_config.from_file(file)
    facts = checks.ask(context.client)
    found = checks.run(facts)
    if settings is not None:
        found |= celery_checks.run(settings, facts)
    return FOUND if report.write(context, found, facts) else OK
