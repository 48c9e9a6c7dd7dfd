"""Writes docs/arguments.md from the table: `python -m broker.model.arguments_docs > docs/arguments.md`.

Must not: say anything about an argument that its row does not.
"""

from __future__ import annotations

from broker.model.arguments import ALL_TYPES, ARGUMENTS, CONSUMER, EXCHANGE, LONG_MAX, QUEUE, Argument

HEAD = """# Arguments

<!-- Generated from broker/model/arguments.py by `python -m broker.model.arguments_docs`; a test keeps it in step. -->

What the broker knows of the `arguments` of declare and consume. A value of the wrong type or out of range is refused
with 406 `invalid arg`; where *Redeclare* says so, another value than the present one is refused with 406
`inequivalent arg`; [changing-queues.md](changing-queues.md) says how to change a queue that is there. A queue refuses
what belongs to other kinds of queue with 406 `invalid arg … of queue type …`. Arguments that are not listed are
ignored, as RabbitMQ does.

**Kept** in the last column means that the argument is checked, kept and shown, and has no effect.
"""
TITLES = {QUEUE: "Queues", EXCHANGE: "Exchanges", CONSUMER: "Consumers"}


def markdown() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_section(on) for on in TITLES)])


def _section(on: str) -> str:
    head = "| Argument | Meaning | Allowed | Redeclare | Effect |\n|---|---|---|---|---|\n"
    if on == QUEUE:
        head = "| Argument | Meaning | Allowed | Of queues | Redeclare | Effect |\n|---|---|---|---|---|---|\n"
    return f"## {TITLES[on]}\n\n{head}" + "".join(_row(row) for row in ARGUMENTS if row.on == on)


def _row(row: Argument) -> str:
    redeclare = "must be the same" if row.equivalent and row.on != CONSUMER else "may differ"
    effect = "yes" if row.acts else "**kept**"
    kinds = "" if row.on != QUEUE else "all | " if row.types == ALL_TYPES else f"{', '.join(row.types)} | "
    return f"| `{row.name}` | {row.summary} | {_allowed(row)} | {kinds}{redeclare} | {effect} |\n"


def _allowed(row: Argument) -> str:
    if row.choices:
        return ", ".join(f"`{choice}`" for choice in row.choices)
    if row.kind != "integer":
        return "string" if row.kind == "age" else row.kind
    unit = f" {row.unit}" if row.unit else ""
    most = "" if row.maximum == LONG_MAX else f" to {row.maximum:,}"
    return f"integer from {row.minimum:,}{most}{unit}"


if __name__ == "__main__":
    print(markdown(), end="")
