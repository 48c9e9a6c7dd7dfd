"""Lists as RabbitMQ answers them: filtered, sorted, paged, cut to columns, and written in slices.

Whatever grows with the number of things is done a slice at a time. Must not: know any resource.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any, Final

from broker.auth.permissions import compile_pattern
from broker.http_pieces import Pieces
from broker.introspection.pages import ALL, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, Page
from broker.management.answers import JSON, Refused, json_bytes
from broker.management.call import Call, bad_request
from broker.management.endpoint import BAD_REQUEST, Json

SLICE: Final = 16  # things copied and written in one go: about a millisecond's work
NAMES_SLICE: Final = 500  # names looked at, or keys sorted, in one go
UNPAGED_MAX: Final = 100_000  # items of a list that was asked for without a page
COLUMNS_MAX: Final = 100
DEPTH_MAX: Final = 5  # of fields within fields

Key = tuple[int, Any]  # of what kind a value is, so that every two can be compared, and the value


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that may be shown: its name, and what makes JSON of it when it is its turn."""

    thing: Any
    source: Source

    def name(self) -> str:
        """What `name` is looked for in."""
        thing = self.thing[-1] if isinstance(self.thing, tuple) else self.thing
        name = getattr(thing, "name", None)
        return name if isinstance(name, str) else str(self.made().get("name", ""))

    def made(self) -> Json:
        """The thing as it is now."""
        return self.source.shaped(self.source.copy(self.thing))


@dataclass(frozen=True, slots=True)
class Source:
    """How things of one kind become JSON."""

    copy: Callable[[Any], Any]
    shaped: Callable[[Any], Json]


async def from_pages(pages: Iterable[Page[Any]], shaped: Callable[[Any], Json]) -> list[Item]:
    """What is on these pages."""
    found: list[Item] = []
    for page in pages:
        source = Source(page.copy, shaped)
        for some in _slices(page.chosen, NAMES_SLICE):
            found += [Item(thing, source) for thing in some]
            await asyncio.sleep(0)
    return found


async def from_values(values: Sequence[Any], shaped: Callable[[Any], Json]) -> list[Item]:
    """Values that are not copied any more."""
    return await from_pages([Page(list(values), lambda value: value, 1, ALL, len(values))], shaped)


async def listing(call: Call, items: list[Item]) -> Pieces:
    """The answer to whoever asks for a list. Raises: Refused 400."""
    columns = _columns(call.text("columns"))
    page, page_size = call.number("page"), call.number("page_size")
    total = len(items)
    if page is not None:
        _check_page(page, page_size)
        items = await _named(call, items)
    items = await _sorted(call, items)
    if page is None:
        if total > UNPAGED_MAX:
            raise bad_request(f"there are {total}, too many for one answer: ask with page and page_size")
        return Pieces(_written(items, columns, b"[", b"]"), JSON)
    return _page(items, total, page, PAGE_SIZE_DEFAULT if page_size is None else page_size, columns)


def _check_page(page: int, page_size: int | None) -> None:
    if page < 1 or (page_size is not None and not 1 <= page_size <= PAGE_SIZE_MAX):
        shown = "undefined" if page_size is None else page_size
        text = f"Invalid pagination parameters: page number {page}, page size {shown}"
        raise Refused(BAD_REQUEST, "invalid_pagination_parameters", text)


def _page(items: list[Item], total: int, page: int, size: int, columns: list[list[str]]) -> Pieces:
    count = len(items)
    page_count = max(1, -(-count // size))
    if page > page_count:
        text = f"Page out of range, page: {page} page size: {size}, len: {count}"
        raise Refused(BAD_REQUEST, "page_out_of_range", text)
    shown = items[(page - 1) * size : page * size]
    head = {
        "total_count": total, "filtered_count": count, "item_count": len(shown), "page": page, "page_size": size,
        "page_count": page_count,
    }  # fmt: skip
    return Pieces(_written(shown, columns, json_bytes(head)[:-1] + b',"items":[', b"]}"), JSON)


async def _named(call: Call, items: list[Item]) -> list[Item]:
    """Those whose name has in it what is asked for."""
    wanted = call.text("name")
    if not wanted:
        return items
    if call.flag("use_regex"):
        try:
            pattern = compile_pattern(wanted)
        except ValueError as error:
            raise bad_request(str(error)) from None
        fits: Callable[[str], Any] = lambda name: pattern.search(name.encode("utf-8", "surrogateescape"))  # noqa: E731
    else:
        folded = wanted.lower()
        fits = lambda name: folded in name.lower()  # noqa: E731
    found: list[Item] = []
    for some in _slices(items, NAMES_SLICE if _is_cheap(items) else SLICE):
        found += [item for item in some if fits(item.name())]
        await asyncio.sleep(0)
    return found


def _is_cheap(items: Sequence[Item]) -> bool:
    """Whether a name costs no copy."""
    thing = items[0].thing if items else ()
    return isinstance(getattr(thing[-1] if isinstance(thing, tuple) and thing else thing, "name", None), str)


# ---- order


async def _sorted(call: Call, items: list[Item]) -> list[Item]:
    """The items by the field that is asked for; runs are sorted one by one, then merged step by step."""
    path = call.text("sort").split(".")
    if path == [""]:
        return items
    if len(path) > DEPTH_MAX:
        raise bad_request(f"sort has at most {DEPTH_MAX} fields within fields")
    is_name = path == ["name"] and _is_cheap(items)
    keys: list[tuple[Key, int]] = []
    runs: list[list[tuple[Key, int]]] = []
    for some in _slices(items, NAMES_SLICE if is_name else SLICE):
        keys += [
            ((2, item.name()) if is_name else _key(_at(item.made(), path)), len(keys) + place)
            for place, item in enumerate(some)
        ]
        await asyncio.sleep(0)
    for run in _slices(keys, NAMES_SLICE):
        runs.append(sorted(run))
        await asyncio.sleep(0)
    ordered: list[Item] = []
    merged = merge(*runs)
    while some_keys := list(islice(merged, NAMES_SLICE)):
        ordered += [items[place] for _, place in some_keys]
        await asyncio.sleep(0)
    return ordered[::-1] if call.flag("sort_reverse") else ordered


def _key(value: Any) -> Key:
    if isinstance(value, bool | int | float):
        return 1, value
    if isinstance(value, str):
        return 2, value
    return (0, 0) if value is None else (3, str(value))


def _slices(things: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


# ---- columns


def _columns(text: str) -> list[list[str]]:
    columns = [column.strip().split(".") for column in text.split(",") if column.strip()]
    if len(columns) > COLUMNS_MAX or any(len(column) > DEPTH_MAX for column in columns):
        raise bad_request(f"at most {COLUMNS_MAX} columns, each of at most {DEPTH_MAX} fields within fields")
    return columns


def _at(item: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(item, dict) or name not in item:
            return None
        item = item[name]
    return item


def cut(item: Json, columns: list[list[str]]) -> Json:
    """The item with these columns only; all of it where there are none."""
    if not columns:
        return item
    kept: Json = {}
    for path in columns:
        source: Any = item
        place = kept
        for name in path[:-1]:
            source = source.get(name) if isinstance(source, dict) else None
            place = place.setdefault(name, {}) if isinstance(source, dict) else place
        if isinstance(source, dict) and path[-1] in source:
            place[path[-1]] = source[path[-1]]
    return kept


def columns_of(call: Call) -> list[list[str]]:
    """The columns that are asked for. Raises: Refused 400."""
    return _columns(call.text("columns"))


def _written(items: Sequence[Item], columns: list[list[str]], before: bytes, after: bytes) -> Iterator[bytes]:
    """Items as JSON, a slice at a time."""
    is_first = True
    for some in _slices(items, SLICE):
        yield (before if is_first else b",") + json_bytes([cut(item.made(), columns) for item in some])[1:-1]
        is_first = False
    yield before + after if is_first else after
