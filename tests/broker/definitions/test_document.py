"""A definitions file is read piece by piece, and gives what a JSON library would, wherever the pieces begin and end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.definitions import document
from broker.definitions.document import DocumentError, read_document

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
PIECES = 7


def read(data: bytes) -> tuple[dict[str, Any], int]:
    """What is read, and in how many steps."""
    steps, count = read_document(data), 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value, count
        count += 1


@given(st.dictionaries(st.text(), JSON, max_size=5), st.booleans(), st.sampled_from([None, 1, " \n\t"]))
def test_it_reads_what_json_reads(members: dict[str, Any], is_ascii: bool, indent: Any) -> None:
    data = json.dumps(members, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "replace")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(document, "CHUNK_BYTES", PIECES)
        assert read(data)[0] == json.loads(data)


@pytest.mark.parametrize("data", [b"", b" \n", b"{}", b" {} "])
def test_nothing_is_nothing(data: bytes) -> None:
    assert read(data)[0] == {}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[]", "not JSON at character 0: expected one of { but found '['"),
        (b'{"a":1', "not JSON at character 6: expected one of , } but found the end"),
        (b'{"a":[1,2}', "not JSON at character 9: expected one of , ] but found '}'"),
        (b'{"a":[{"b":]}', "not JSON at character 6: Expecting value"),
        (b"{1:2}", "the names of an object's members are texts"),
        (b"{} x", "there is something behind the object"),
        (b'{"a":NaN}', "NaN is not JSON"),
        (b'{"a":"\xff"}', "not UTF-8: invalid start byte"),
        (b'{"a":"\xc3', "not UTF-8: unexpected end of data"),
        (b'{"a":' + b"[" * 100_000, "recursion"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(data: bytes, why: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(data)
    assert why in str(caught.value)


def test_many_objects_are_many_steps() -> None:
    data = json.dumps({"queues": [{"name": str(number)} for number in range(1000)]}).encode()
    members, steps = read(data)
    assert len(members["queues"]) == 1000
    assert steps == 1000 // document.OBJECTS_PER_STEP


def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "OBJECTS_MAX", 5)
    assert len(read(b'{"a":[1,2,3],"b":[4,5]}')[0]) == 2
    with pytest.raises(DocumentError, match="more than 5 objects"):
        read(b'{"a":[1,2,3],"b":[4,5,6]}')
    monkeypatch.setattr(document, "DOCUMENT_BYTES_MAX", 5)
    with pytest.raises(DocumentError, match="8 bytes are too many; at most 5"):
        read(b'{"a": 1}')
