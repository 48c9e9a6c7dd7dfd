"""The first user's password where none was given: made once, kept in the data folder for its owner only.

Must not: print or log; the daemon prints a new one once.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FILE_NAME = "default_pass"
RANDOM_BYTES = 24
PASSWORD_BYTES_MAX = 1024


def first_password(data_dir: Path) -> tuple[str, bool]:
    """The password in the data folder, and whether it was made just now; `data_dir` is made if need be.

    The file is whole or absent at any time, so that a crash leaves no empty password behind.
    Raises: OSError; ValueError for a file that holds no password.
    """
    path = data_dir / FILE_NAME
    try:
        with path.open("rb") as file:
            kept = file.read(PASSWORD_BYTES_MAX).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return _make(path), True
    if not kept:
        raise ValueError(f"{path} holds no password; delete it to have one made")
    return kept, False


def _make(path: Path) -> str:
    password = secrets.token_urlsafe(RANDOM_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(FILE_NAME + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return password
