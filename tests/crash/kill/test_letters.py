"""Dead letters over SIGKILL: whatever a queue does not keep is a letter once, and in its queue until then."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest
from pamqp.commands import Basic

from tests.crash.kill.test_kill import SEED_VARIABLE, WHOLE, base_seed
from tests.support.brokers import RestartableBroker
from tests.support.raw import RawConnection
from tests.support.raw_channel import RawChannel
from tests.support.waiting import wait_until

KILLS = 12 if WHOLE else 2
EACH = 25  # messages into each queue in one life
LIMIT = 1
TAKEN = ("refused", "limited", "sure")  # by the test; the others leave by themselves
PERSISTENT = Basic.Properties(delivery_mode=2, headers={"own": 1})
QUEUES = {
    "refused": {}, "timed": {"x-message-ttl": 20}, "limited": {"x-delivery-limit": LIMIT},
    "sure": {"x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"},
}  # fmt: skip

pytestmark = pytest.mark.ours


class Story:
    """One broker's lives, and what was published and confirmed in them."""

    def __init__(self, broker: RestartableBroker, seed: str) -> None:
        self.broker = broker
        self.random = random.Random(seed)
        self.sent: list[bytes] = []

    def live(self) -> RawChannel:
        """Starts the broker and connects."""
        self.broker.launch()
        self.broker.await_ready()
        return RawConnection(self.broker.host, self.broker.port).log_in().channel()

    def declare(self, channel: RawChannel) -> None:
        """A queue of dead letters beside each queue; they are there after every kill."""
        for queue, arguments in QUEUES.items():
            where = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"dead-{queue}"}
            channel.declare_queue(queue, where | arguments, durable=True)
            channel.declare_queue(f"dead-{queue}", durable=True)

    def publish(self, channel: RawChannel) -> None:
        """Confirmed messages into every queue."""
        channel.confirm_select()
        bodies = [b"%d" % number for number in range(len(self.sent), len(self.sent) + EACH)]
        for queue in QUEUES:
            channel.publish_all(queue, bodies, properties=PERSISTENT)
        channel.expect_confirms(1, EACH * len(QUEUES))
        self.sent += bodies

    def refuse(self, channel: RawChannel, count: int) -> None:
        """Refuses or gives back up to so many messages, and waits for nothing that follows from it."""
        for number in range(count):
            queue = TAKEN[number % len(TAKEN)]
            content = channel.get(queue, no_ack=False)
            if content is not None:
                channel.send(Basic.Nack(content.delivery_tag, False, queue == "limited"))

    def end(self, channel: RawChannel) -> dict[str, Counter[bytes]]:
        """Refuses everything that is left; what the dead letters are then, by queue."""

        def is_over() -> bool:
            self.refuse(channel, 10 * EACH)
            counts = [channel.declare_queue(f"dead-{queue}", passive=True).message_count for queue in QUEUES]
            return min(counts) >= len(self.sent)

        wait_until(is_over, 60, "every message to be a dead letter")
        return {queue: Counter(channel.drain(f"dead-{queue}")) for queue in QUEUES}


def test_no_letter_is_lost_or_doubled(tmp_path: Path) -> None:
    seed = str(base_seed())
    with RestartableBroker(tmp_path) as broker:
        story = Story(broker, seed)
        channel = story.live()
        story.declare(channel)
        for _ in range(KILLS):
            story.publish(channel)
            story.refuse(channel, story.random.randrange(1, 3 * EACH))
            broker.kill()
            channel = story.live()
        found = story.end(channel)
    expected = Counter(story.sent)
    told = f"{SEED_VARIABLE}={seed}, {os.path.basename(tmp_path)}"
    for queue in QUEUES:
        assert found[queue] == expected, f"{queue}: {told}"
