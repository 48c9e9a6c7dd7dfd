"""Nothing in the tree names a place that only one developer's machine has, or a package index."""

from __future__ import annotations

import re

import pytest

from tests.tidy import ROOT, tree_files

# Written in pieces, so that this file does not find itself.
PLACES = ("home" + "/", "Users" + "/", "root" + "/", "work" + "/", "opt/" + "venv", "tmp/" + "wt")
HOSTS = ("pypi" + r"\.org", "files\\." + "pythonhosted", "index" + "-url")
FORBIDDEN = re.compile(rf"(?<![\w.~/-])/(?:{'|'.join(PLACES)})|{'|'.join(HOSTS)}")
BINARY_SAMPLE_BYTES = 1024


def test_no_file_names_a_developers_machine() -> None:
    found = []
    for path in tree_files():
        content = path.read_bytes()
        if b"\0" in content[:BINARY_SAMPLE_BYTES]:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if FORBIDDEN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not found


@pytest.mark.parametrize("place", PLACES)
def test_a_path_is_seen(place: str) -> None:
    assert FORBIDDEN.search(f'open("/{place}x")')
    assert not FORBIDDEN.search(f"docs/{place}x")
