"""How doctor writes what it has found. Must not: look for anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import click

from broker.cli.context import Context
from broker.cli.doctor.findings import ERROR, LEVELS, NOTE, WARNING, Facts, Finding
from broker.cli.shown import cell

STYLES: Final = {ERROR: "red", WARNING: "yellow", NOTE: "cyan"}
WIDTH_MAX: Final = 100
INDENT: Final = "         "


def write(context: Context, found: Mapping[str, Sequence[Finding]], facts: Facts) -> bool:
    """Writes findings, the worst first. Returns: whether something is wrong, and not only worth knowing."""
    findings = sorted((one for held in found.values() for one in held), key=lambda one: LEVELS.index(one.level))
    is_wrong = any(one.level != NOTE for one in findings)
    if context.is_json:
        value = {
            "is_well": not is_wrong, "findings": [one.as_dict() for one in findings],
            "passed": [name for name, held in found.items() if not held], "not_seen": list(facts.untold),
        }  # fmt: skip
        click.echo(json.dumps(value, indent=2))
    elif context.format is not None:
        context.show("Findings", ("level", "about", "text", "advice"), [one.as_dict() for one in findings])
    else:
        _tell(findings, [name for name, held in found.items() if not held], facts)
    return is_wrong


def _tell(findings: Sequence[Finding], passed: Sequence[str], facts: Facts) -> None:
    for one in findings:
        click.echo(f"{click.style(f'{one.level:<8}', fg=STYLES[one.level])} {_wrapped(cell(one.text))}")
        click.echo(f"{INDENT}{_wrapped(f'→ {cell(one.advice)}')}\n")
    if passed:
        click.echo(f"{click.style('ok'.ljust(8), fg='green')} {_wrapped(', '.join(passed))}\n")
    if facts.untold:
        click.echo(f"Not seen, for want of a tag: {', '.join(facts.untold)}")
    if facts.queue_count > len(facts.queues):
        click.echo(f"Looked at {len(facts.queues)} of {facts.queue_count} queues.")
    counts = [f"{count} {level}{'s' * (count != 1)}" for level in LEVELS
              if (count := sum(one.level == level for one in findings))]  # fmt: skip
    click.echo(", ".join(counts) or "Nothing is wrong.")


def _wrapped(text: str) -> str:
    from click.formatting import wrap_text  # noqa: PLC0415

    return wrap_text(text, WIDTH_MAX, "", INDENT)[0:].strip()
