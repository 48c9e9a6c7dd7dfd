"""brokerctl: looks at and manages a running broker on the same machine, and reads a data folder without one.

Must not: do what the broker should do.

Exit status: 0 done; 1 refused, with the reason, or damage found; 2 wrong usage, or a folder that cannot be read; 69 no
broker is running there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import click

from broker import __version__
from broker.cli.changes import add_user, add_vhost, delete_user, delete_vhost, set_permissions
from broker.cli.context import Context, data_dir_option
from broker.cli.listings import list_connections, list_permissions, list_queues, list_users, list_vhosts
from broker.cli.log import log
from broker.cli.socket_client import NotRunningError, RefusedError
from broker.cli.status import status, stop

REFUSED: Final = 1
NOT_RUNNING: Final = 69  # sysexits' EX_UNAVAILABLE, as rabbitmqctl


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="leveret")
@data_dir_option
@click.pass_context
def brokerctl(context: click.Context) -> None:
    """Look at and manage a running Leveret broker, through the unix socket in its data folder.

    The log commands need no broker: they read the data folder itself.
    """
    context.ensure_object(Context)


for _command in (
    status, stop, list_queues, list_connections, list_vhosts, list_users, list_permissions,
    add_vhost, delete_vhost, add_user, delete_user, set_permissions, log,
):  # fmt: skip
    brokerctl.add_command(_command)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns: the exit status.
    """
    try:
        result = brokerctl.main(
            args=list(sys.argv[1:] if argv is None else argv), prog_name="brokerctl", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Aborted.", err=True)
        return REFUSED
    except RefusedError as error:
        click.echo(f"brokerctl: {error}", err=True)
        return REFUSED
    except NotRunningError as error:
        click.echo(f"brokerctl: {error}", err=True)
        return NOT_RUNNING
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
