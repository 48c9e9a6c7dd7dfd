"""Runs on the wire end where the next frame is not of them."""

from __future__ import annotations

from pamqp.commands import Basic
from pamqp.frame import marshal

from protocol.wire import content_extent, scan_acks, scan_publishes
from tests.support.sansio import publish_frames


def acks(*tags: int, channel: int = 1, last_multiple: bool = False) -> bytes:
    """One basic.ack a tag."""
    return b"".join(marshal(Basic.Ack(tag, last_multiple and tag == tags[-1]), channel) for tag in tags)


def scanned_acks(data: bytes) -> tuple[int, int, int, bool]:
    """Frames in the run, first tag, last tag, multiple."""
    end, first, last, multiple = scan_acks(data, 0)
    return end // 21, first, last, multiple


def test_acks_of_consecutive_tags_are_one_run() -> None:
    assert scanned_acks(acks(3, 4, 5)) == (3, 3, 5, False)
    assert scanned_acks(acks(3, 4, 5)[:-1]) == (2, 3, 4, False)


def test_a_run_of_acks_ends_at_a_gap() -> None:
    for tags in ((3, 5), (3, 3), (3, 2)):
        assert scanned_acks(acks(*tags)) == (1, 3, 3, False)


def test_a_run_of_acks_ends_at_another_channel_and_at_multiple() -> None:
    assert scanned_acks(acks(3) + acks(4, channel=2)) == (1, 3, 3, False)
    assert scanned_acks(acks(3, 4, last_multiple=True)) == (1, 3, 3, False)
    assert scanned_acks(acks(4, last_multiple=True) + acks(5)) == (1, 4, 4, True)


def test_a_run_of_acks_ends_at_a_bad_frame_end() -> None:
    assert scanned_acks(acks(3, 4)[:-1] + b"\x00") == (1, 3, 3, False)


def scanned_bodies(data: bytes) -> tuple[list[bytes], int]:
    """The bodies of the run at the start of the data, and its end."""
    method_end = int.from_bytes(data[3:7], "big") + 8
    body_at, size = content_extent(data, method_end, 1, 131072)
    bodies = [data[body_at : body_at + size]]
    end = scan_publishes(data, 0, body_at, size, bodies)
    return bodies, end


def test_publishes_that_differ_in_their_bodies_only_are_one_run() -> None:
    parts = [publish_frames(1, "x", "k", body) for body in (b"aa", b"bb", b"cc")]
    data = b"".join(parts)
    assert scanned_bodies(data) == ([b"aa", b"bb", b"cc"], len(data))
    assert scanned_bodies(data[:-1]) == ([b"aa", b"bb"], len(data) - len(parts[2]))


def test_a_run_of_publishes_ends_where_anything_else_differs() -> None:
    first = publish_frames(1, "x", "k", b"aa")
    others = (
        publish_frames(2, "x", "k", b"bb"),
        publish_frames(1, "y", "k", b"bb"),
        publish_frames(1, "x", "l", b"bb"),
        publish_frames(1, "x", "k", b"bb", mandatory=True),
        publish_frames(1, "x", "k", b"bb", Basic.Properties(priority=1)),
        publish_frames(1, "x", "k", b"bbb"),
        publish_frames(1, "x", "k", b"bb")[:-1] + b"\x00",  # a bad frame end
    )
    for other in others:
        assert scanned_bodies(first + other) == ([b"aa"], len(first))
