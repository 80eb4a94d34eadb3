"""A database whose payloads are sealed: commands with its codec, without one, with another."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import psycopg
import pytest

from continuum import Continuum, workflow
from continuum.store.opening import UNREADABLE
from tests.cli.processes import Shell, new_shell

SEALING = """
class Keyed:
    def __init__(self, key=b"A"):
        self.key = key

    def seal(self, data):
        return self.key + data[::-1]

    def open(self, data):
        if data[:1] != self.key:
            raise KeyError(data[:1])
        return data[:0:-1]


codec = Keyed()


def made():
    return Keyed()


def other():
    return Keyed(b"B")


def refusing():
    raise RuntimeError("no key in the vault")


class Lossy(Keyed):
    def open(self, data):
        return b"{}"


nothing = 3
"""
ORDER = '{"id": "o1", "amount": 4200}'
ADVICE = "CONTINUUM_CODEC=module:object, or codec in pyproject.toml or the profile"


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    """Commands beside a module with codecs."""
    (tmp_path / "sealing.py").write_text(SEALING)
    return new_shell(tmp_path, dsn)


def started(shell: Shell) -> str:
    """A run that nobody works on."""
    words = ("start", "order_flow", "--app", "flows", "--input", ORDER, "--format", "ids")
    return shell.answer(*words)


def written(dsn: str) -> list[bytes]:
    """What lies in the inboxes."""
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT payload FROM continuum_inbox")]


@pytest.mark.parametrize("target", ["sealing:codec", "sealing:made", "sealing:Keyed"])
def test_commands_and_workers_use_the_codec_of_the_environment(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Started, signalled and read back; in the database nothing is to be read."""
    monkeypatch.setenv("CONTINUUM_CODEC", target)
    run_id = started(shell)
    assert json.loads(shell.answer("show", run_id, "--format", "json"))["input"] == [
        json.loads(ORDER)
    ]
    shell.answer("signal", run_id, "fraud_review", '"approved"')
    [payload] = written(str(shell.dsn))
    assert payload == b"A" + b'"approved"'[::-1]
    if target == "sealing:codec":
        with shell.worker():
            assert shell.answer("result", run_id, "--timeout", "30") == '"payment-o1 approved"'


@pytest.mark.parametrize("codec", [None, "sealing:other"])
def test_without_the_codec_commands_say_so_and_write_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, codec: str | None
) -> None:
    """Exit code 2 and one line that names the setting; what needs no payload works."""
    monkeypatch.setenv("CONTINUUM_CODEC", "sealing:codec")
    run_id = started(shell)
    with psycopg.connect(str(shell.dsn)) as connection:
        connection.execute(
            "UPDATE continuum_runs SET state = 'completed', completed_at = clock_timestamp(),"
            " result = 'A1' WHERE id = %s",
            [run_id],
        )
    monkeypatch.delenv("CONTINUUM_CODEC")
    if codec is not None:
        monkeypatch.setenv("CONTINUUM_CODEC", codec)
    for words in (
        ("show", run_id, "--format", "json"),
        ("result", run_id),
        ("query", "-A", "--columns", "id,input"),
        ("signal", run_id, "go"),
        ("cancel", run_id),
        ("pause", run_id),
        ("start", "order_flow", "--app", "flows", "--input", ORDER),
    ):
        done = shell.run(*words)
        assert (done.returncode, done.stdout) == (2, ""), (words, done)
        assert done.stderr.count("\n") == 1
        assert "sealed" in done.stderr or "cannot be opened" in done.stderr
        assert ADVICE in done.stderr
    assert written(str(shell.dsn)) == []
    assert shell.answer("query", "-A", "--format", "ids") == run_id
    assert shell.run("health").returncode == 0


def test_health_tells_of_runs_that_could_not_be_opened(shell: Shell) -> None:
    """It blames the codec and not the code."""
    run_id = started(shell)
    with psycopg.connect(str(shell.dsn)) as connection:
        connection.execute(
            "UPDATE continuum_leases SET ready = false, blocked_build = %s, waiting_on = %s",
            [UNREADABLE, "blocked: cannot open its input (InvalidTag)"],
        )
    done = shell.run("health", "--format", "json")
    assert "codec could not open" in done.stdout
    assert "cannot open its input (InvalidTag)" in done.stdout
    assert "other commands" not in done.stdout
    assert shell.run("release", run_id).returncode == 0


def test_profile_and_project_name_a_codec(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile goes before the environment, the environment before pyproject.toml."""
    (tmp_path / "pyproject.toml").write_text('[tool.continuum]\ncodec = "sealing:codec"\n')
    run_id = started(shell)
    assert shell.run("show", run_id).returncode == 0
    monkeypatch.setenv("CONTINUUM_CODEC", "sealing:other")
    assert shell.run("show", run_id).returncode == 2
    profiles = tmp_path / "profiles.toml"
    profiles.write_text(f'[shop]\ndsn = "{shell.dsn}"\ncodec = "sealing:codec"\n')
    monkeypatch.setenv("CONTINUUM_PROFILES", str(profiles))
    assert shell.run("show", run_id, "--profile", "shop").returncode == 0


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("sealing", "is not module:object"),
        ("no such:thing", "is not module:object"),
        ("nowhere:codec", "no module named 'nowhere'"),
        ("sealing:gone", "module sealing has no gone"),
        ("sealing:nothing", "is no codec: it has no seal and open"),
        ("sealing:refusing", "cannot be made: RuntimeError: no key in the vault"),
        ("sealing:Lossy", "does not open what it has sealed"),
    ],
)
def test_a_setting_that_is_no_codec_is_one_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, target: str, said: str
) -> None:
    """It names the setting and what is wrong with it."""
    monkeypatch.setenv("CONTINUUM_CODEC", target)
    done = shell.run("query")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: codec {target!r} of CONTINUUM_CODEC")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@workflow
async def counted(number: int) -> int:
    return number


async def test_code_goes_before_the_settings(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Continuum(codec=...)` does not even import what they name."""

    class Mine:
        def seal(self, data: bytes) -> bytes:
            return b"M" + data

        def open(self, data: bytes) -> bytes:
            assert data[:1] == b"M"
            return data[1:]

    monkeypatch.setenv("CONTINUUM_CODEC", "nowhere:codec")
    async with Continuum(dsn, codec=Mine()) as client:
        run = await client.start(counted, 1)
        assert (await client.get_run(run.id)).input == [1]
        await client.check_codec()
    assert await asyncio.to_thread(_inputs, dsn) == [b"M[1]"]


def _inputs(dsn: str) -> list[bytes]:
    with psycopg.connect(dsn) as connection:
        return [bytes(row[0]) for row in connection.execute("SELECT input FROM continuum_runs")]
