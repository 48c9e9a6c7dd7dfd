"""Rates and sample histories as RabbitMQ's HTTP API has them, made of what the sampler has seen.

How HTTP asks. Every info of a listing (QueueInfo, ExchangeInfo, ConnectionInfo, ChannelInfo, VhostInfo, Overview,
NodeInfo) has `rates`, by field: `info.rates["publish"]` is `message_stats.publish_details.rate`, `rates["recv_oct"]`
is `recv_oct_details.rate`, `rates["messages_ready"]` is `messages_ready_details.rate` (of an Overview it stands under
`queue_totals`, and rows.CHURN under `churn_rates`). MESSAGE_STATS says which fields stand under `message_stats`;
`details` puts any of them into JSON's form. Where a request on one thing brings
`lengths_age` and `lengths_incr` (or msg_rates, data_rates, node_stats), `Range.of(age, incr)` checks them, and

    introspection.history.queue(vhost, name, Ranges(lengths=Range.of(60, 5), msg_rates=Range.of(60, 5)))

answers `{"messages_details": {"rate": 1.0, "samples": [{"sample": 5, "timestamp": 1700000000000}, …], "avg": 5.0,
"avg_rate": 0.2}, "publish_details": {…}, …}`: the rate of every field, samples only where a range was given.

Must not: look at anything but what the sampler has kept, so that asking costs no walk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from broker.introspection import rows
from broker.introspection.sampler import NODE, WHOLE, Sampler
from broker.introspection.series import Layout, LongSeries, Range, Series, rates, samples

__all__ = ["MESSAGE_STATS", "Details", "History", "Range", "Ranges", "details"]

MESSAGE_STATS: Final = frozenset(("publish", *rows.DELIVERED, *rows.UNROUTED, *rows.EXCHANGE.fields))
Details = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ranges:
    """The samples wanted of each group of fields; None for none of them."""

    lengths: Range | None = None  # messages, messages_ready, messages_unacknowledged
    msg_rates: Range | None = None  # message_stats and churn_rates
    data_rates: Range | None = None  # recv_oct, send_oct
    node_stats: Range | None = None  # mem_used, fd_used, io_write_bytes, …


RANGE_NAMES: Final = tuple(field.name for field in fields(Ranges))  # of the parameters, before _age and _incr
NO_RANGES: Final = Ranges()
_GROUPS: Final = {
    **dict.fromkeys(rows.LENGTHS, "lengths"),
    **dict.fromkeys(rows.OCTETS, "data_rates"),
    **dict.fromkeys(rows.OF_PROCESS, "node_stats"),
}


def details(by_field: Mapping[str, float]) -> Details:
    """Rates as JSON has them: `{"publish_details": {"rate": 1.0}}`."""
    return {f"{field}_details": {"rate": rate} for field, rate in by_field.items()}


class History:
    """What is known of one thing, by name; what is not there has rates of 0 and samples of 0."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
        self._node = sampler.node

    def rates(self, layout: Layout, thing: object) -> Mapping[str, float]:
        """By field, the rate of a queue, exchange, connection, channel or vhost, of WHOLE or NODE."""
        return rates(layout, self._series(thing), self.sampler.rounds)

    def totals(self, layout: Layout, thing: object) -> Mapping[str, int]:
        """By field, the number in the last round; empty where nothing is known."""
        series = self._series(thing)
        row = series.at(self.sampler.rounds.last) if series is not None else None
        return dict(zip(layout.fields, layout.numbers.unpack(row), strict=True)) if row is not None else {}

    def _series(self, thing: object) -> Series | LongSeries | None:
        return self.sampler.of(thing) or self.sampler.long(thing)

    def overview(self, ranges: Ranges = NO_RANGES) -> Details:
        """The broker as a whole: queue_totals, message_stats and churn_rates, and its data rates."""
        return self._details(rows.OVERVIEW, WHOLE, ranges)

    def node(self, ranges: Ranges = NO_RANGES) -> Details:
        """What the process uses of the machine."""
        return self._details(rows.NODE, NODE, ranges)

    def vhost(self, name: str, ranges: Ranges = NO_RANGES) -> Details:
        """A vhost."""
        return self._details(rows.VHOST, self._node.vhosts.get(name), ranges)

    def queue(self, vhost: str, name: str, ranges: Ranges = NO_RANGES) -> Details:
        """A queue."""
        of = self._node.vhosts.get(vhost)
        return self._details(rows.QUEUE, of.queues.get(name) if of is not None else None, ranges)

    def exchange(self, vhost: str, name: str, ranges: Ranges = NO_RANGES) -> Details:
        """An exchange; the default one has an empty name."""
        of = self._node.vhosts.get(vhost)
        return self._details(rows.EXCHANGE, of.table.exchanges.get(name) if of is not None else None, ranges)

    def connection(self, name: str, ranges: Ranges = NO_RANGES) -> Details:
        """A connection, by the name that listings show."""
        return self._details(rows.CONNECTION, self._connection(name), ranges)

    def channel(self, name: str, ranges: Ranges = NO_RANGES) -> Details:
        """A channel, by the name that listings show: its connection's, and its number in brackets."""
        of, _, number = name.removesuffix(")").rpartition(" (")
        connection = self._connection(of)
        is_there = connection is not None and number.isdecimal()
        return self._details(rows.CHANNEL, connection.channels.get(int(number)) if is_there else None, ranges)

    def _connection(self, name: str) -> Any:
        return next((one for one in self._node.connections.open if one.name == name), None)

    def _details(self, layout: Layout, thing: object, ranges: Ranges) -> Details:
        series, rounds = self._series(thing), self.sampler.rounds
        found = details(rates(layout, series, rounds))
        histories: dict[Range, Details] = {}
        for field in layout.fields:
            wanted: Range | None = getattr(ranges, _GROUPS.get(field, "msg_rates"))
            if wanted is not None and rounds.last >= 0:
                if wanted not in histories:
                    histories[wanted] = samples(layout, series, rounds, wanted)
                found[f"{field}_details"].update(histories[wanted][field])
        return found
