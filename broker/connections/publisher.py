"""The publishing side of a channel: checks, routing keys and confirms for each run of messages.

Stop "channel" on the publish lane. Must not: check again what is the same as for the run before, or decode what is only
passed on.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from broker.connections.confirms import Confirms
from broker.connections.output import Output
from broker.model.arguments import TIMER_MS_MAX
from broker.model.message import Batch
from broker.model.names import REPLY_TO, exchange_rs
from broker.model.receipt import Receipt
from broker.model.vhost_counters import SIZE_BOUNDS
from broker.operations import Operations
from broker.requests import WRITE, Actor
from broker.vhost import SPLIT, UNROUTED, Way
from protocol import encoder
from protocol.commands import Address, Publish
from protocol.constants import ACCESS_REFUSED, NO_ROUTE, NOT_FOUND, NOT_IMPLEMENTED, PRECONDITION_FAILED
from protocol.engine import ADDRESSES_MAX
from protocol.errors import ChannelException, ConnectionException
from protocol.properties import DELIVERY_MODE, NO_PROPERTIES, PERSISTENT, TRANSIENT, Properties
from protocol.tables import TYPE_NAMES, check_table

_EXPIRATION: Final = re.compile(r"([+-]?[0-9]{1,40})(.*)", re.DOTALL | re.ASCII)
_NO_EXPIRATION: Final = -1
_REPLY_TO_BYTES: Final = REPLY_TO.encode()
COPY_KEYS_MAX: Final = 1024  # routing keys in CC and BCC together
NO_COPIES: Final[Sequence[str]] = ()


def parse_expiration_ms(text: bytes) -> int:
    """The `expiration` property as milliseconds.

    Raises: ChannelException 406 `invalid expiration 'x': why`.
    """
    shown = text.decode("utf-8", "replace")
    match = _EXPIRATION.fullmatch(shown)
    if match is None:
        fault = "no_integer"
    elif match[2]:
        fault = f'{{leftover_string,"{match[2]}"}}'
    elif (value := int(match[1])) < 0:
        fault = f"{{value_negative,{value}}}"
    elif value > TIMER_MS_MAX:
        fault = f"{{value_too_large,{value}}}"
    else:
        return value
    raise ChannelException(PRECONDITION_FAILED, f"invalid expiration '{shown}': {fault}")


def copy_keys(properties: Properties) -> list[str]:
    """The routing keys in the CC and BCC headers.

    Raises: ChannelException 406 where one of them is not an array, or holds too many.
    Spec: RabbitMQ's sender-selected distribution.
    """
    headers = properties.headers()
    _, types = check_table(properties.raw, properties.headers_start)
    keys: list[str] = []
    for name in ("CC", "BCC"):
        if name not in headers:
            continue
        value = headers[name]
        if not isinstance(value, list):
            kind = TYPE_NAMES[types[name]]
            text = f'invalid message: {{unacceptable_type_in_header,"{name}",{kind}}}'
            raise ChannelException(PRECONDITION_FAILED, text)
        keys += [key for key in value if isinstance(key, str)]
    if len(keys) > COPY_KEYS_MAX:
        raise ChannelException(PRECONDITION_FAILED, f"more than {COPY_KEYS_MAX} routing keys in CC and BCC")
    return keys


class Access:
    """What was checked may come out differently once `version` has changed; the connection sets it at every read."""

    __slots__ = ("version",)

    def __init__(self) -> None:
        self.version = 0


class Checked:
    """An address that the channel may publish to, as long as neither access nor the way there have changed since."""

    __slots__ = ("access_version", "address", "way")

    def __init__(self, address: Address, way: Way, access_version: int) -> None:
        self.address = address
        self.way = way
        self.access_version = access_version


class Publisher:
    """Turns publish commands into batches in queues; one per channel."""

    __slots__ = ("_access", "_actor", "_checked", "_copies", "_counters", "_current", "_expiration_ms",
                 "_may_impersonate", "_may_write", "_may_write_version", "_number", "_operations", "_output",
                 "_properties", "_sent", "_size_bytes", "_size_place", "_table", "_touch", "_vhost", "backlog",
                 "confirms", "frame_max", "published", "reply_name", "returned")  # fmt: skip

    def __init__(
        self, number: int, frame_max: int, actor: Actor, may_impersonate: bool, operations: Operations,
        access: Access, output: Output, touch: Callable[[], None],
    ) -> None:  # fmt: skip
        self._number = number
        self.frame_max = frame_max
        self._actor = actor
        self._may_impersonate = may_impersonate
        self._operations = operations
        self._vhost = actor.vhost
        self._counters = actor.vhost.counters
        self._size_bytes = 0  # of the bodies counted last, and which of the vhost's `sizes` that is
        self._size_place = 0
        self._table = actor.vhost.table
        self._access = access
        self._may_write = ""  # the exchange whose permission was checked last, and when that was
        self._may_write_version = -1
        self._output = output
        self._touch = touch
        self.confirms: Confirms | None = None
        self.reply_name = ""  # where direct replies to this channel go; empty without a consumer for them
        self.published = 0
        self.backlog = 0  # of the worst queue of the last batch
        self.returned = 0
        self._checked: dict[Address, Checked] = {}
        self._current: Checked | None = None
        self._properties: Properties | None = None
        self._sent = NO_PROPERTIES  # what goes out for `_properties`
        self._copies = NO_COPIES
        self._expiration_ms = _NO_EXPIRATION

    def batch(self, command: Publish) -> tuple[Batch, Sequence[str]]:
        """Checks a run of messages; returns them as a batch, with the routing keys beyond the address's own.

        Raises: ChannelException 403, 404, 406; ConnectionException 540.
        Spec: 1.8.3.7 (basic.publish).
        """
        address, properties = command.address, command.properties
        current = self._current
        if current is None or current.address is not address or not self._holds(current):
            self._check_address(address)
        if properties is not self._properties:
            self._check_properties(properties)
        batch = Batch(address, self._sent, command.bodies, self._expiration_ms)
        count, size, counters = len(command.bodies), batch.body_bytes, self._counters
        self.published += count
        counters.published += count
        counters.sizes_total_bytes += count * size
        if size != self._size_bytes:
            self._size_bytes, self._size_place = size, bisect_left(SIZE_BOUNDS, size)
        counters.sizes[self._size_place] += count
        return batch, self._copies

    def _holds(self, checked: Checked) -> bool:
        """Whether everything would come out as it did when this was checked."""
        return checked.way.version == self._table.version and checked.access_version == self._access.version

    def receipt(self, count: int) -> Receipt | None:
        """A receipt for the next publishes, where the channel is in confirm mode."""
        if self.confirms is None:
            return None
        self._vhost.counters.published_confirm += count
        return self.confirms.issue(count)

    def submit(self, batch: Batch, copies: Sequence[str], receipt: Receipt | None) -> None:
        """Routes a batch, hands it to its queues or returns it, and gives the receipt its own answer."""
        vhost, address, current = self._vhost, batch.address, self._current
        if current is not None and current.address is address and self._holds(current):
            way: Way | None = current.way
        else:  # checked a while ago, in a transaction
            way = vhost.way(address.exchange)
        if vhost.tracer is not None:
            vhost.tracer.user = self._actor.user
        if way is None:
            backlog = UNROUTED
        elif batch.properties.may_hold:
            backlog = vhost.submit_later(way, batch, copies, receipt)
        else:
            backlog = vhost.submit(way, batch, copies, receipt)
        if backlog == SPLIT:
            self._submit_singly(batch, copies, receipt)
            return
        if backlog != UNROUTED:
            self.backlog = backlog
        elif address.mandatory:
            self._return(batch)
        else:
            vhost.counters.unroutable += len(batch.bodies)
        if receipt is not None:
            receipt.taken()

    def _submit_singly(self, batch: Batch, copies: Sequence[str], receipt: Receipt | None) -> None:
        """Submits the messages of a batch one by one, each with a receipt of its own where they are confirmed."""
        confirms = self.confirms
        receipts = confirms.split(receipt) if confirms is not None and receipt is not None else None
        for at, one in enumerate(batch.singles()):
            if receipts is None and receipt is not None:  # a transaction's, which is for all of them
                receipt.expect()
            self.submit(one, copies, receipt if receipts is None else receipts[at])
        if receipts is None and receipt is not None:
            receipt.taken()

    def _return(self, batch: Batch) -> None:
        output = self._output
        for body in batch.bodies:
            encoder.returned(
                output.out, self._number, NO_ROUTE, "NO_ROUTE", batch.address.tail, batch.properties.raw, body,
                self.frame_max,
            )  # fmt: skip
        self.returned += len(batch.bodies)
        self._vhost.counters.returned += len(batch.bodies)
        self._touch()

    def _check_address(self, address: Address) -> None:
        self._current = None
        checked = self._checked.get(address)
        if checked is None or not self._holds(checked):
            checked = Checked(address, self._way(address), self._access.version)
            if len(self._checked) >= ADDRESSES_MAX:
                self._checked.clear()
            self._checked[address] = checked
        self._current = checked

    def _way(self, address: Address) -> Way:
        """The way through the exchange, once it is certain that the channel may publish to it."""
        actor, name = self._actor, address.exchange
        if address.immediate:
            raise ConnectionException(NOT_IMPLEMENTED, "immediate=true")
        if self._may_write != name or self._may_write_version != self._access.version:
            self._operations.authorize(actor, WRITE, "exchange", name)
            self._may_write, self._may_write_version = name, self._access.version
        way = self._vhost.way(name)
        if way is None:
            raise ChannelException(NOT_FOUND, f"no {exchange_rs(name, self._vhost.name)}")
        if way.exchange.internal:
            text = f"cannot publish to internal {exchange_rs(name, self._vhost.name)}"
            raise ChannelException(ACCESS_REFUSED, text)
        self._operations.authorize_topic(actor, WRITE, way.exchange, address.routing_key)
        return way

    def _check_properties(self, properties: Properties) -> None:
        self._properties = None
        self._check_user(properties)
        if properties.flags & DELIVERY_MODE and properties.delivery_mode not in (TRANSIENT, PERSISTENT):
            text = f"invalid message: {{delivery_mode_unknown,{properties.delivery_mode}}}"
            raise ChannelException(PRECONDITION_FAILED, text)
        expiration = properties.expiration
        self._expiration_ms = _NO_EXPIRATION if expiration is None else parse_expiration_ms(expiration)
        sent, copies = properties, NO_COPIES
        if properties.may_copy:
            copies = copy_keys(properties)
            sent = properties.hiding("BCC")
        if sent.reply_to == _REPLY_TO_BYTES:
            if not self.reply_name:
                raise ChannelException(PRECONDITION_FAILED, "fast reply consumer does not exist")
            sent = sent.with_reply_to(self.reply_name.encode())
        self._properties, self._sent, self._copies = properties, sent, copies

    def _check_user(self, properties: Properties) -> None:
        claimed = properties.user_id
        if claimed is not None and claimed != self._actor.user.encode() and not self._may_impersonate:
            text = (
                f"user_id property set to '{claimed.decode('utf-8', 'replace')}' "
                f"but authenticated user was '{self._actor.user}'"
            )
            raise ChannelException(PRECONDITION_FAILED, text)

    def forget_properties(self) -> None:
        """The reply consumer has changed; what was checked before may come out differently."""
        self._properties = None
