"""Which samples are asked for (lengths_age, lengths_incr and so on), and what the history answers. Must not: sample."""

from __future__ import annotations

from broker.introspection.rates import RANGE_NAMES, Range, Ranges
from broker.management.call import Call, bad_request


def ranges_of(call: Call) -> Ranges:
    """The samples that are asked for. Raises: Refused 400."""
    asked: dict[str, Range] = {}
    for name in RANGE_NAMES:
        age, incr = call.number(f"{name}_age"), call.number(f"{name}_incr")
        if age is not None and incr is not None:
            try:
                asked[name] = Range.of(age, incr)
            except ValueError as error:
                raise bad_request(f"{name}: {error}") from None
    return Ranges(**asked)
