"""Creating a PostgreSQL cluster, all or nothing, and the programs that its account can run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from continuum.errors import DatabaseUnavailable
from continuum.store.postgres.account import Account, reachable

DATABASE = "continuum"
ROLE = "continuum"


def usable_binaries(binaries: Path, directory: Path, account: Account | None) -> Path:
    """The server's account may be unable to look into root's home; then give it a copy."""
    if account is None or reachable(binaries, account):
        return binaries
    installation = binaries.parent
    package = installation.parent
    stamp = (binaries / "postgres").stat()
    identity = f"{installation}:{stamp.st_mtime_ns}:{stamp.st_size}"
    copy = directory / f"binaries-{sha256(identity.encode()).hexdigest()[:10]}"
    if not copy.exists():
        for leftover in directory.glob("copy-*"):
            shutil.rmtree(leftover)
        partial = Path(tempfile.mkdtemp(prefix="copy-", dir=directory))
        for part in (installation, package.with_name(f"{package.name}.libs")):
            # A wheel keeps its libraries beside the package and refers to them from there.
            if part.exists():
                target = partial / part.relative_to(package.parent)
                shutil.copytree(part, target, symlinks=True)
        partial.chmod(0o755)
        partial.rename(copy)
    return copy / binaries.relative_to(package.parent)


def create_cluster(data: Path, binaries: Path, server_lock: int, account: Account | None) -> None:
    """Create the cluster and its database aside; a rename makes it real all at once."""
    for leftover in data.parent.glob("new-*"):
        shutil.rmtree(leftover)
    partial = Path(tempfile.mkdtemp(prefix="new-", dir=data.parent))
    if account is not None:
        os.chown(partial, account.uid, account.gid)
    if data.exists():
        data.rmdir()  # an empty directory is all that may be here without PG_VERSION
    initdb = [str(binaries / "initdb"), "-D", str(partial), "-U", ROLE, "--encoding=UTF8"]
    initdb += ["--auth=trust", *_locale(binaries, account)]
    _run(initdb, server_lock, account)
    single = [str(binaries / "postgres"), "--single", "-D", str(partial), "postgres"]
    _run(single, server_lock, account, f"CREATE DATABASE {DATABASE};\n")
    partial.rename(data)


def server_environment() -> dict[str, str]:
    """What the server may see of this process' environment.

    Not what would redirect it (PGDATA, PGPORT, ...), and none of the application's secrets.
    """
    names = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in names if name in os.environ} | {"LC_ALL": "C"}


def _run(command: list[str], server_lock: int, account: Account | None, script: str = "") -> None:
    done = subprocess.run(  # noqa: S603  (our own command line)
        command,
        input=script,
        capture_output=True,
        text=True,
        cwd="/",
        env=server_environment(),
        pass_fds=(server_lock,),
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        check=False,
    )
    if done.returncode != 0 or "FATAL" in done.stderr or "ERROR" in done.stderr:
        lines = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise DatabaseUnavailable(
            f"{Path(command[0]).name} failed: {' | '.join(lines)}",
            hint="try another directory: CONTINUUM_EMBEDDED_DIR, or name another database: --dsn",
        )


def _locale(binaries: Path, account: Account | None) -> list[str]:
    """The same ordering and case rules on every machine, whatever locales it has."""
    version = subprocess.run(  # noqa: S603  (our own command line)
        [str(binaries / "postgres"), "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        user=None if account is None else account.uid,
    ).stdout
    major = int(version.split()[2].split(".")[0])
    if major >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C"]
