"""`continuum worker --http` and `--log-format json`, as real processes."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.cli.processes import Shell, lines, new_shell


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    """Commands on a migrated database of this test's own."""
    return new_shell(tmp_path, dsn)


def test_a_worker_serves_http_and_logs_json(shell: Shell) -> None:
    """The address is in its first line; every line is JSON; SIGTERM still drains."""
    options = ("--http", "127.0.0.1:0", "--log-format", "json")
    with shell.start("worker", "--app", "flows", *options) as worker:
        assert worker.stderr is not None
        first = json.loads(worker.stderr.readline())
        url = re.search(r"http://\S+", first["message"])
        assert url is not None
        with urllib.request.urlopen(url[0].replace("metrics", "readyz"), timeout=10) as answer:
            assert answer.read() == b"ok\n"
        with urllib.request.urlopen(url[0], timeout=10) as answer:
            assert b"continuum_worker_ready 1.0" in answer.read()
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=40)
        assert worker.returncode == 0
        said = [json.loads(line)["message"] for line in lines(errors)]
        assert any("has drained" in message for message in said)


@pytest.mark.parametrize(
    ("address", "words"),
    [("nowhere", "no address to listen on"), ("203.0.113.1:80", "cannot listen on 203.0.113.1:80")],
)
def test_a_bad_address_is_one_error(shell: Shell, address: str, words: str) -> None:
    """Before the worker joins."""
    done = shell.run("worker", "--app", "flows", "--http", address)
    assert done.returncode == 2
    [line] = lines(done.stderr)
    assert words in line
