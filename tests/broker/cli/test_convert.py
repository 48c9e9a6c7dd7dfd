"""brokerctl convert_rabbitmq_conf, through the real entry point; it needs no broker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from broker.cli.exits import DATA, NO_INPUT

CONF = "listeners.tcp.default = 5673\nheartbeat = 30\ncluster_formation.peer_discovery_backend = k8s\n"


def convert(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "broker.cli.brokerctl", "convert_rabbitmq_conf", *words]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)


def test_it_writes_a_file_that_brokerd_takes(tmp_path: Path) -> None:
    (tmp_path / "rabbitmq.conf").write_text(CONF)
    done = convert(str(tmp_path / "rabbitmq.conf"))
    assert (done.returncode, done.stderr) == (0, "")
    file = tmp_path / "broker.toml"
    file.write_text(done.stdout)
    version = [sys.executable, "-m", "broker.cli.brokerd", "--config", str(file), "--heartbeat-s", "many"]
    told = subprocess.run(version, capture_output=True, text=True, check=False).stderr
    assert told.startswith("brokerd: --heartbeat-s: 'many' is not allowed"), "the file was read before the flag"
    assert (
        "port = 5673\nheartbeat_s = 30\n# cluster_formation.peer_discovery_backend: there is no cluster\n"
        in done.stdout
    )


def test_it_reads_stdin_and_writes_json() -> None:
    told = json.loads(convert("-", "--json", given=CONF).stdout)
    assert told["settings"] == {"port": 5673, "heartbeat_s": 30}
    assert [entry["key"] for entry in told["left_out"]] == ["cluster_formation.peer_discovery_backend"]


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    missing = convert(str(tmp_path / "missing"))
    assert missing.returncode == NO_INPUT
    assert "cannot be read: No such file" in missing.stderr
    wrong = convert("-", given="[{rabbit, []}].\n")
    assert wrong.returncode == DATA
    assert "line 1 is not `key = value`" in wrong.stderr
