"""Private servers on free loopback ports, from Debian's packages; each dies with the test session."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

START_S = 60
USER = "tuner"
PASSWORD = "s3cret-Pa55"  # noqa: S105 - of servers that live for a test


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    Attributes:
        port: where it listens on 127.0.0.1.
        process: it.
        folder: its data.
        command: what starts it.
        user: who runs it; None for the one who runs the tests.
    """

    port: int
    process: list[subprocess.Popen[bytes]]
    folder: Path
    command: tuple[str, ...]
    user: str | None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        extra = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
        with (self.folder / "server.out").open("ab") as out:
            self.process[:] = [subprocess.Popen(self.command, cwd=self.folder, stdout=out, stderr=out, **extra)]  # type: ignore[call-overload]
        wait_until(lambda: listens(self.port) or self.process[0].poll() is not None)
        if not listens(self.port):
            pytest.fail(f"{self.command[0]} did not start:\n{(self.folder / 'server.out').read_text()[-2000:]}")

    def stop(self) -> None:
        """End it in good order; PostgreSQL waits for its clients to leave unless it is interrupted."""
        self._end(signal.SIGINT if self.command[0].endswith("postgres") else signal.SIGTERM)

    def give_up(self) -> None:
        """End it at once, with its data; PostgreSQL takes its children along only when it quits by itself."""
        self._end(signal.SIGQUIT if self.command[0].endswith("postgres") else signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        self.process[0].send_signal(number)
        try:
            self.process[0].wait(20)
        except subprocess.TimeoutExpired:
            self.process[0].kill()
            self.process[0].wait()


def unavailable(what: str, package: str) -> None:
    """Skip the test for want of a Debian package; fail it in CI, which installs them all."""
    reason = f"no {what} on this machine: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def wait_until(condition: Callable[[], bool], timeout_s: float = START_S) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: when it does not.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come to hold")
        time.sleep(0.02)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Say whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _folder(user: str | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="qgtune-server-"))
    if user is not None:
        shutil.chown(folder, user, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user(name: str) -> str | None:
    """Return who the server has to run as: databases refuse to run as root."""
    if os.geteuid() != 0:
        return None
    pwd.getpwnam(name)
    return name


@contextmanager
def _running(command: Sequence[str], port: int, folder: Path, user: str | None = None) -> Iterator[Server]:
    server = Server(port, [], folder, tuple(command), user)
    server.start()
    try:
        yield server
    finally:
        server.give_up()


def _run(command: Sequence[str], user: str | None, stdin: str = "") -> None:
    extra = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    done = subprocess.run(command, input=stdin, text=True, capture_output=True, check=False, cwd="/", **extra)  # type: ignore[call-overload]
    if done.returncode:
        pytest.fail(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


@contextmanager
def redis_server() -> Iterator[Server]:
    """Run Redis, with a password and an append-only file."""
    program = shutil.which("redis-server")
    if program is None:
        unavailable("Redis", "redis-server")
    port = free_port()
    with _folder(None) as folder:
        options = {"port": port, "bind": "127.0.0.1", "dir": folder, "requirepass": PASSWORD, "appendonly": "yes"}
        command = [str(program), *(text for key, value in options.items() for text in (f"--{key}", str(value)))]
        with _running(command, port, folder) as server:
            yield server


@contextmanager
def postgresql_server() -> Iterator[Server]:
    """Run PostgreSQL, with passwords, and a user who may make databases."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = shutil.which("postgres") or (str(programs[-1]) if programs else None)
    if found is None:
        unavailable("PostgreSQL", "postgresql")
    program, user, port = Path(str(found)), _user("postgres"), free_port()
    with _folder(user) as folder, tempfile.NamedTemporaryFile("w") as secret:
        secret.write(PASSWORD)
        secret.flush()
        Path(secret.name).chmod(0o644)
        options = ["-D", f"{folder}/data", "-U", USER, "--auth=scram-sha-256", "--no-sync", f"--pwfile={secret.name}"]
        _run([str(program.with_name("initdb")), *options], user)
        options = ["-D", f"{folder}/data", "-p", str(port), "-c", f"unix_socket_directories={folder}"]
        with _running([str(program), *options, "-c", "listen_addresses=127.0.0.1"], port, folder, user) as server:
            yield server


@contextmanager
def mysql_server() -> Iterator[Server]:
    """Run MariaDB, with a user who may make databases."""
    program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        unavailable("MariaDB", "mariadb-server")
    user, port = _user("mysql"), free_port()
    with _folder(user) as folder:
        data, place = f"--datadir={folder}/data", f"--socket={folder}/socket"
        _run(["mariadb-install-db", "--no-defaults", data, "--auth-root-authentication-method=normal"], user)
        options = ["--no-defaults", data, place, f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve"]
        with _running([str(program), *options], port, folder, user) as server:
            grant = (
                f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO {USER}@'127.0.0.1';"
            )
            _run(["mariadb", "--no-defaults", place, "-uroot"], None, grant)
            yield server


PROXY = """
import sys, warnings
warnings.simplefilter("ignore")
from optuna.storages import get_storage, run_grpc_proxy_server
run_grpc_proxy_server(get_storage(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]))
"""


@contextmanager
def grpc_proxy(url: str, folder: Path) -> Iterator[Server]:
    """Run Optuna's gRPC proxy in front of a database."""
    port = free_port()
    with _running([sys.executable, "-c", PROXY, url, str(port)], port, folder) as server:
        yield server
