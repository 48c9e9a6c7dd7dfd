"""Writes docs/policies.md from the table of arguments: `python -m broker.policies.docs > docs/policies.md`.

Must not: say anything about a key that its row does not.
"""

from __future__ import annotations

from typing import Final

from broker.model.arguments import ALL_TYPES, BY_POLICY_KEY, EXCHANGE, Argument
from broker.policies.limits import USER_LIMITS, VHOST_LIMITS
from broker.policies.policy import APPLIES_TO
from broker.policies.store import POLICIES_MAX

HEAD: Final = """# Policies, limits and parameters

<!-- Generated from broker/model/arguments.py by `python -m broker.policies.docs`; a test keeps it in step. -->

A policy gives queues and exchanges settings by their names, at any time, without declaring them anew. An **operator
policy** is the same for whoever runs the broker: it bounds what users set.

- Both belong to a vhost and have a name, a pattern (a regular expression that is searched in names, by RE2: linear
  time, no look-around), a priority, a definition, and say what they apply to: {applies_to}.
- Of the policies that fit a name the one with the highest priority applies, alone; RabbitMQ leaves open which of two
  equal ones, here it is the first by name. The same goes for operator policies.
- A key that means nothing for a type of queue keeps the whole policy from queues of that type, as with RabbitMQ: one
  with `dead-letter-strategy` does not apply to classic queues. (`delivery-limit` works on every queue here.)
- Where policy and operator policy set the same key, and where an argument does, *Merge* says which value counts.
- A changed policy reaches what is there a slice at a time. A message keeps the expiry that it came with. The time of
  `expires` begins anew.
- There are at most {policies_max:,} policies and as many operator policies in a vhost.

## Keys

"""
TAIL: Final = """
**Kept** means that a key is checked, kept, merged and shown, and has no effect. What an argument says about its effect
is in [arguments.md](arguments.md).

## Limits

| Of | Limit | What happens |
|---|---|---|
| vhost | `max-connections` | `connection.open` is refused with 530 |
| vhost | `max-queues` | `queue.declare` of a new queue is refused with 406; an import is refused as a whole |
| user | `max-connections` | `connection.open` is refused with 530, whatever the vhost |
| user | `max-channels` | `channel.open` ends the connection with 530 |

A limit below 0, or none, means no limit; 0 allows nothing. A lower limit closes nothing that is open.

## Parameters

Runtime parameters are values under component, vhost and name; global parameters have a name only. Operator policies are
parameters of the component `operator_policy`, the limits of a vhost the parameter `limits` of `vhost-limits`. Every
other component (`shovel`, `federation-upstream`, …) is kept and listed, so that definitions from RabbitMQ can be taken
in and given out whole, and nothing acts on it. The global parameter `cluster_name` is the name that clients are told.

## Definitions

`definitions.json`, as RabbitMQ reads and writes it, holds users (with their hashes), vhosts, permissions, topic
permissions, parameters, global parameters, policies, queues, exchanges and bindings; the file of one vhost holds what
is in it, without its name. An import checks everything first, says what is wrong with which object, and changes nothing
then. What is there and not in the file stays; a user, permission, policy or parameter of the file replaces one of the
same name; a queue or exchange that is there stays as it is, with a warning where the file has another one.
`--load-definitions FILE` imports a file at every start.

Two things to know when moving between brokers: RabbitMQ has no hash of the memory-hard kind, so users whose password
was set here with it need a new password there; and JSON has fewer types than AMQP, so a timestamp or decimal among
arguments becomes a number.
"""


def markdown() -> str:
    """The whole page."""
    assert (len(VHOST_LIMITS), len(USER_LIMITS)) == (2, 2), "the table of limits above has them all"
    applies_to = ", ".join(f"`{name}`" for name in APPLIES_TO)
    table = "| Key | Meaning | Allowed | Applies to | Merge | Effect |\n|---|---|---|---|---|---|\n"
    rows = "".join(_row(row) for row in BY_POLICY_KEY.values())
    return HEAD.format(applies_to=applies_to, policies_max=POLICIES_MAX) + table + rows + TAIL


def _row(row: Argument) -> str:
    merge = {"min": "the smaller", "max": "the larger", "": "the argument; not for operators"}[row.merge]
    effect = "yes" if row.acts else "**kept**"
    return f"| `{row.policy_key}` | {row.summary} | {_allowed(row)} | {_applies(row)} | {merge} | {effect} |\n"


def _applies(row: Argument) -> str:
    if row.on == EXCHANGE:
        return "exchanges"
    return "all queues" if row.policy_types == ALL_TYPES else ", ".join(row.policy_types)


def _allowed(row: Argument) -> str:
    if row.choices:
        return ", ".join(f"`{choice}`" for choice in row.choices)
    if row.kind != "integer":
        return "text" if row.kind == "string" else "anything"
    unit = f" {row.unit}" if row.unit else ""
    return f"integer from {row.minimum:,}{unit}"


if __name__ == "__main__":
    print(markdown(), end="")
