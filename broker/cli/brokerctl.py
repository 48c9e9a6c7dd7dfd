"""brokerctl: looks at and manages a running broker, here or elsewhere, and reads a data folder without one.

Must not: do what the broker should do.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from broker import __version__
from broker.cli.context import Context
from broker.cli.exits import INTERRUPTED, OK, CtlError
from broker.cli.group import HELP_NAMES, BrokerGroup
from broker.cli.options import COMMON_OPTIONS


@click.group(cls=BrokerGroup, context_settings=dict(HELP_NAMES))
@click.version_option(__version__, prog_name="leveret")
@click.pass_context
def brokerctl(context: click.Context) -> None:
    """Look at and manage a Leveret broker.

    Without options it talks to the broker on this machine, through a socket in its data folder that only its owner may
    use. With --url or --host it talks to a broker's management port.
    """
    context.ensure_object(Context)


brokerctl.params[:0] = COMMON_OPTIONS


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns: the exit status, one of exits.EXITS.
    """
    try:
        result = brokerctl.main(
            args=list(sys.argv[1:] if argv is None else argv), prog_name="brokerctl", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Aborted.", err=True)
        return INTERRUPTED
    except CtlError as error:
        from broker.cli.shown import cell  # noqa: PLC0415

        click.echo(f"brokerctl: {cell(' '.join(str(error).split()))}", err=True)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # whoever read has gone, as `| head` does; there is nobody to tell
        return OK
    return result if isinstance(result, int) else OK


if __name__ == "__main__":
    sys.exit(main())
