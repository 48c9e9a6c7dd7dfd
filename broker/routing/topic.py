"""The topic exchange type: a trie of `.`-separated words, with `*` for one word and `#` for zero or more.

Must not: look at headers. Spec: 3.1.3.3.

Words are cut as RabbitMQ cuts them: the empty key has no word at all, `a.` has two (`a` and the empty word).

A match walks the trie with the set of nodes that are reachable after each word, so that one node is looked at no more
than once per word however many `#` there are: work ≤ words x reachable nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from broker.routing.binding import Binding, Target

ONE_WORD = "*"
ANY_WORDS = "#"


class _Node:
    """A prefix of patterns: what may follow, and the bindings whose pattern ends here."""

    __slots__ = ("any_words", "bindings", "is_any_words", "one_word", "words")

    def __init__(self, is_any_words: bool) -> None:
        self.words: dict[str, _Node] = {}
        self.one_word: _Node | None = None
        self.any_words: _Node | None = None
        self.is_any_words = is_any_words
        self.bindings: dict[Binding, Target] = {}

    @property
    def is_empty(self) -> bool:
        return not self.bindings and not self.words and self.one_word is None and self.any_words is None

    def child(self, word: str) -> _Node | None:
        if word == ONE_WORD:
            return self.one_word
        if word == ANY_WORDS:
            return self.any_words
        return self.words.get(word)

    def grow(self, word: str) -> _Node:
        node = _Node(word == ANY_WORDS)
        if word == ONE_WORD:
            self.one_word = node
        elif word == ANY_WORDS:
            self.any_words = node
        else:
            self.words[word] = node
        return node

    def cut(self, word: str) -> None:
        if word == ONE_WORD:
            self.one_word = None
        elif word == ANY_WORDS:
            self.any_words = None
        else:
            del self.words[word]


class TopicMatcher:
    """Finds patterns in the trie; `visited` counts the nodes that matches have looked at."""

    __slots__ = ("_root", "visited")
    uses_headers: ClassVar[bool] = False
    uses_property: ClassVar[str] = ""
    picks_one: ClassVar[bool] = False
    varies: ClassVar[bool] = False

    def __init__(self) -> None:
        self._root = _Node(False)
        self.visited = 0

    def add(self, binding: Binding, target: Target) -> None:
        """Take a binding that is not there yet."""
        node = self._root
        for word in split_words(binding.routing_key):
            node = node.child(word) or node.grow(word)
        node.bindings[binding] = target

    def remove(self, binding: Binding, target: Target) -> None:  # noqa: ARG002
        """Forget a binding that is there, and the nodes that only it needed."""
        node = self._root
        path: list[tuple[_Node, str]] = []
        for word in split_words(binding.routing_key):
            path.append((node, word))
            child = node.child(word)
            assert child is not None, "the binding is in the trie"
            node = child
        del node.bindings[binding]
        for parent, word in reversed(path):
            if not node.is_empty:
                break
            parent.cut(word)
            node = parent

    def match(self, routing_key: str, headers: Mapping[str, object]) -> Collection[Target]:  # noqa: ARG002
        """The targets of all patterns that the key fits."""
        active: dict[_Node, None] = {}
        _reach(active, self._root)
        visited = len(active)
        for word in split_words(routing_key):
            active = _step(active, word)
            visited += len(active)
            if not active:
                break
        self.visited += visited
        return [target for node in active for target in node.bindings.values()]


def split_words(key: str) -> list[str]:
    """The words of a routing key or pattern; none for the empty key."""
    return key.split(".") if key else []


def _step(active: dict[_Node, None], word: str) -> dict[_Node, None]:
    """The nodes reachable by one more word."""
    following: dict[_Node, None] = {}
    for node in active:
        if node.is_any_words:
            _reach(following, node)
        child = node.words.get(word)
        if child is not None:
            _reach(following, child)
        if node.one_word is not None:
            _reach(following, node.one_word)
    return following


def _reach(nodes: dict[_Node, None], start: _Node) -> None:
    """Add a node, and the `#` nodes below it, which need no word."""
    node: _Node | None = start
    while node is not None and node not in nodes:
        nodes[node] = None
        node = node.any_words
