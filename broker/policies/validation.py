"""Whether a policy can be, in the words RabbitMQ says it with. Must not: keep or apply one.

What a key may hold stands in the rows of broker/model/arguments.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from broker.auth.permissions import compile_pattern
from broker.model.arguments import BY_POLICY_KEY, INTERVAL, LONG_MAX, Argument
from broker.policies.policy import APPLIES_TO, OPERATOR_POLICY, Policy

NAME_BYTES_MAX: Final = 255
DEFINITION_KEYS_MAX: Final = 64
TEXT_CHARACTERS_MAX: Final = 4096
SHOWN_CHARACTERS_MAX: Final = 200


class InvalidError(ValueError):
    """Something cannot be kept; the text is what RabbitMQ says, one reason a line."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("Validation failed\n\n" + "".join(f"{reason}\n" for reason in reasons))


def term(value: object) -> str:
    """A JSON value as RabbitMQ shows it in reasons."""
    return _term(value)[:SHOWN_CHARACTERS_MAX]


def _term(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'<<"{value}">>'
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_term, value))}]"
    if isinstance(value, Mapping):
        return f"#{{{','.join(f'{_term(key)} => {_term(item)}' for key, item in value.items())}}}"
    return "null" if value is None else str(value)


def pairs(items: Iterable[tuple[str, object]]) -> str:
    """Members of an object as RabbitMQ shows them in reasons."""
    return f"[{','.join(f'{{{_term(key)},{_term(value)}}}' for key, value in items)}]"[:SHOWN_CHARACTERS_MAX]


def check_name(name: str, what: str) -> None:
    """Raises: ValueError for a name that is empty or too long."""
    if not 0 < len(name.encode("utf-8", "surrogateescape")) <= NAME_BYTES_MAX:
        raise ValueError(f"the name of a {what} has 1 to {NAME_BYTES_MAX} bytes")


def is_number(value: object) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def compiled_pattern(pattern: Any) -> Any:
    """A policy's pattern, to be searched in bytes; an empty one is found in every name. Raises: InvalidError."""
    if not isinstance(pattern, str):
        raise InvalidError(f"pattern should be a binary but was {term(pattern)}")
    try:
        return compile_pattern(pattern or ".*")
    except ValueError as error:
        raise InvalidError(f"pattern should be regular expression but is invalid: {error}") from None


def check_policy(policy: Policy, component: str) -> None:
    """Checks everything but the pattern. Raises: InvalidError with every reason; ValueError for a name."""
    check_name(policy.name, component.replace("_", " "))
    reasons = []
    if not is_number(policy.priority):
        reasons.append(f"priority should be a number, actually was {term(policy.priority)}")
    if not isinstance(policy.apply_to, str) or policy.apply_to not in APPLIES_TO:
        shown = policy.apply_to if isinstance(policy.apply_to, str) else term(policy.apply_to)
        reasons.append(
            f"apply-to '{shown}' unrecognised; should be one of: 'queues', 'classic_queues', "
            " 'quorum_queues', 'streams', 'exchanges', or 'all'"
        )
    reason = definition_fault(policy.name, policy.definition, component == OPERATOR_POLICY)
    if reason:
        reasons.append(reason)
    if reasons:
        raise InvalidError(*reasons)


def definition_fault(name: str, definition: object, is_operators: bool) -> str:
    """What is wrong with a policy's definition; an empty text where nothing is."""
    if not isinstance(definition, Mapping):
        return f"parse error while reading policy {name}: {term(definition)}. It must be an object"
    if not definition:
        return "no policy provided"
    if len(definition) > DEFINITION_KEYS_MAX:
        return f"{len(definition)} settings in one policy; at most {DEFINITION_KEYS_MAX}"
    unknown = [item for item in definition.items() if not _is_known(item[0], is_operators)]
    for key, value in definition.items():
        if _is_known(key, is_operators) and not fits(BY_POLICY_KEY[key], value):
            return f"{term(value)} is not a valid {BY_POLICY_KEY[key].policy_noun}"
    return f"{pairs(unknown)} are not recognised policy settings" if unknown else ""


def _is_known(key: str, is_operators: bool) -> bool:
    row = BY_POLICY_KEY.get(key)
    return row is not None and (bool(row.merge) or not is_operators)


def fits(row: Argument, value: object) -> bool:
    """Whether a policy may set this value; a time longer than an argument may be counts as the longest there is."""
    if row.kind == "integer":
        most = LONG_MAX if row.unit == "ms" else row.maximum
        return isinstance(value, int) and not isinstance(value, bool) and row.minimum <= value <= most
    if row.kind == "any":
        return value is not None
    if row.kind == "boolean":
        return isinstance(value, bool)
    if not isinstance(value, str) or len(value) > TEXT_CHARACTERS_MAX:
        return False
    return (not row.choices or value in row.choices) and (row.kind != "age" or INTERVAL.fullmatch(value) is not None)
