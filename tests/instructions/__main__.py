"""`make instructions`: counts what the kernel spends on a message in each lane, with valgrind, and compares.

Counts do not depend on how busy or how fast the machine is. Must not: run anything that is not compiled.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from broker.build import compiled_modules
from tests.instructions import table, workload
from tests.instructions.lanes import LANES

TRIGGER: Final = re.compile(r"^desc: Trigger: --dump-before=(\w+)$", re.MULTILINE)
TOTAL: Final = re.compile(r"^totals: (\d+)$", re.MULTILINE)
# glibc copies with `rep movsb` or not by how two addresses lie to each other, and valgrind counts that byte by byte.
COPY_ALIKE: Final = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-ERMS"}
ALIKE: Final = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", **COPY_ALIKE}
RECORD_HINT: Final = "If that is meant, say why in the commit and run: make instructions-record"


def count(folder: Path) -> table.Figures:
    """Runs the workload under callgrind; the instructions for each message, by lane. Raises: CalledProcessError."""
    command = [
        "valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={folder / 'counted'}",
        f"--zero-before={workload.BEGIN}", f"--dump-before={workload.END}",
        sys.executable, "-m", "tests.instructions.workload",
    ]  # fmt: skip
    subprocess.run(command, check=True, env={**os.environ, **ALIKE}, stdout=subprocess.DEVNULL)
    totals = dumped(folder)
    if len(totals) != 2 * len(LANES):
        raise ValueError(f"{len(totals)} counts for {len(LANES)} lanes")
    return {lane: round(total / workload.COUNTED) for lane, total in zip(LANES, totals[1::2], strict=True)}


def dumped(folder: Path) -> list[int]:
    """The instructions of each stretch between two marks, in their order."""
    dumps = sorted(folder.glob("counted.*"), key=lambda path: int(path.suffix[1:]))
    texts = [dump.read_text() for dump in dumps]
    ended = [text for text in texts if (found := TRIGGER.search(text)) and found[1] == workload.END]
    return [int(found[1]) for text in ended if (found := TOTAL.search(text))]


def compare(counted: table.Figures, recorded: table.Figures) -> int:
    """Prints the table. Returns: 1 where a lane has become slower."""
    print(table.shown(recorded, counted))
    slower = table.slower(recorded, counted)
    for line in slower:
        print(f"instructions: {line}", file=sys.stderr)
    if slower:
        print(RECORD_HINT, file=sys.stderr)
        return 1
    if any(count < recorded[lane] * (1 - table.BELOW_SHOWN) for lane, count in counted.items()):
        print("A lane has become faster; to keep it so: make instructions-record")
    return 0


def main() -> int:
    """Counts, then compares or records. Returns: 0, or 1 where a lane is slower or nothing is compiled."""
    parser = argparse.ArgumentParser(prog="python -m tests.instructions", description=__doc__)
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the counts there, for this Python")
    options = parser.parse_args()
    if not compiled_modules():
        print("instructions: this is not the compiled form; use: make instructions", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="leveret-instructions-") as folder:
        counted = count(Path(folder))
    section, sections = table.this_python(), table.load()
    if options.record:
        table.record(section, counted, options.record)
        print(table.shown(sections.get(section, {}), counted))
        return 0
    if section not in sections:
        print(table.shown({}, counted))
        print(f"instructions: nothing is recorded for {section}, so nothing is compared")
        return 0
    return compare(counted, sections[section])


if __name__ == "__main__":
    sys.exit(main())
