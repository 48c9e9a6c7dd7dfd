"""docs/tls.md: the certificates that it tells how to make do what it says."""

from __future__ import annotations

import contextlib
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from broker.config import load_config
from broker.listening.tls_peer import tls_peer
from broker.tls.reading import read
from broker.tls.settings import tls_settings
from tests.tidy import ROOT

PAGE = (ROOT / "docs" / "tls.md").read_text()
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
STEPS_MAX = 8


def settings_of(block: str, folder: Path) -> list[str]:
    """The flags that a block gives to brokerd, their files in a folder."""
    command = block.partition("brokerd ")[2].partition("\nbrokerctl")[0].replace("\\\n", " ")
    return [str(folder / word) if word.startswith("certs/") else word for word in command.split()]


@pytest.mark.skipif(not shutil.which("openssl"), reason="the page's commands are openssl's")
def test_the_pages_certificates_serve_and_log_in(tmp_path: Path) -> None:
    made, plain, with_clients = (next(text for text in SHELL.findall(PAGE) if sign in text) for sign in (
        "openssl req", "brokerd --tls-port 5671 --tls-cert-file certs/server.crt --tls-key-file certs/server.key\n",
        "--tls-verify optional",
    ))  # fmt: skip
    subprocess.run(["bash", "-e"], input=made, text=True, cwd=tmp_path, check=True, capture_output=True)
    for block in (plain, with_clients):
        config = load_config(settings_of(block, tmp_path), {"HOME": "/h"})
        settings = tls_settings(config)
    client = ssl.create_default_context(cafile=str(tmp_path / "certs" / "ca.pem"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    client.load_cert_chain(tmp_path / "certs" / "shop.crt", tmp_path / "certs" / "shop.key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    end = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    ours = read(settings).choose("localhost").wrap_bio(to_server, to_client, server_side=True)
    for _ in range(STEPS_MAX):
        for one in (end, ours):
            with contextlib.suppress(ssl.SSLWantReadError):
                one.do_handshake()
    peer = tls_peer(ours, config)
    assert (peer.user, peer.subject) == ("shop", "CN=shop,O=Example")


def test_every_setting_the_page_names_exists() -> None:
    known = " ".join((ROOT / "docs" / "configuration.md").read_text().split())
    flags = set(re.findall(r"--[a-z][a-z-]+", PAGE))
    settings = set(re.findall(r"`((?:tls|ssl_cert|proxy|plain|amqp)_[a-z_]+[a-z])`", PAGE))
    assert len(flags) > 10
    assert len(settings) > 10
    assert not {flag for flag in flags if f"`{flag}`" not in known}
    assert not {name for name in settings if f"### `{name}`" not in known}
