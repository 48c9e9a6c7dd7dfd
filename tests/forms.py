"""Which form of Leveret the tests run against, as `LEVERET_FORM` says: `make test` sets it. Must not: choose tests."""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "LEVERET_FORM"
PLAIN: Final = "plain"
COMPILED: Final = "compiled"


def expected() -> str:
    """`plain` or `compiled`; nothing where whoever runs pytest has not said."""
    form = os.environ.get(VARIABLE, "")
    if form not in ("", PLAIN, COMPILED):
        raise ValueError(f"{VARIABLE} is {PLAIN} or {COMPILED}, not {form!r}")
    return form
