"""The journal on a disk that loses, fills up and fails. `LEVERET_CRASH=whole` looks at far more (make test-crash)."""

from __future__ import annotations

import os

IS_WHOLE = os.environ.get("LEVERET_CRASH") == "whole"
