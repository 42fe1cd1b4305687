"""The same command on several hosts, which are namespaces with names, processes and networks of their own."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from qgtune.study.attempts.attempt import Attempt
from tests.storages.servers import PASSWORD, wait_until
from tests.storages.test_sweeps import files_with, trials_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import App

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "examples" / "cluster" / "on_hosts.sh"
NAMESPACES = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
SLOW = "time.sleep(0.3)"
_networks = itertools.count(1)

# A stand-in for ssh: it hands its standard input on, and what it runs sees the end of it when the stand-in is killed.
SSH = """
import os, shlex, subprocess, sys, threading
hosts = {hosts}
process = subprocess.Popen([*hosts[sys.argv[1]], "bash", "-c", sys.argv[2]], stdin=subprocess.PIPE)
def pump():
    while data := os.read(0, 4096):
        process.stdin.write(data)
        process.stdin.flush()
threading.Thread(target=pump, daemon=True).start()
sys.exit(process.wait())
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A pretended host.

    Attributes:
        name: its host name; this machine's where no namespaces are allowed.
        prefix: what makes a command run on it.
        gateway: the address at which it finds this machine.
    """

    name: str
    prefix: tuple[str, ...]
    gateway: str

    def start(self, app: App, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the app's sweep on it."""
        command = [*self.prefix, *app.command("--multirun", f"hydra.sweep.dir=on_{self.name}", *arguments)]
        pipe = subprocess.PIPE
        env = {**os.environ, **environment}
        return subprocess.Popen(command, cwd=app.folder, stdout=pipe, stderr=subprocess.STDOUT, text=True, env=env)


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@contextmanager
def host(name: str) -> Iterator[Host]:
    """Make a host: with a network of its own if we may, else with a name and processes of its own, else a mere name."""
    renamed = ("bash", "-c", f'hostname {name}; exec "$@"', name)
    network, number = f"qgtune-{os.getpid()}-{name}", next(_networks)
    here, there = f"10.231.{number}.1", f"10.231.{number}.2"
    if _succeeds(["ip", "netns", "add", network]):
        inside = ["ip", "-n", network]
        try:
            made = all(
                _succeeds(command)
                for command in (
                    ["ip", "link", "add", f"qg{number}", "type", "veth", "peer", "name", "eth0", "netns", network],
                    ["ip", "address", "add", f"{here}/24", "dev", f"qg{number}"],
                    ["ip", "link", "set", f"qg{number}", "up"],
                    [*inside, "address", "add", f"{there}/24", "dev", "eth0"],
                    [*inside, "link", "set", "eth0", "up"],
                    [*inside, "route", "add", "default", "via", here],
                    ["ip", "netns", "exec", network, *NAMESPACES, *renamed, "true"],
                )
            )
            if made:
                yield Host(name, ("ip", "netns", "exec", network, *NAMESPACES, *renamed), here)
                return
        finally:
            _succeeds(["ip", "netns", "delete", network])
    unprivileged = (*NAMESPACES[:1], "--user", "--map-root-user", *NAMESPACES[1:], *renamed)
    allowed = _succeeds([*unprivileged, "true"])
    yield Host(name, unprivileged if allowed else (), "127.0.0.1")


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    """Return three hosts."""
    with ExitStack() as stack:
        yield [stack.enter_context(host(name)) for name in ("nodea", "nodeb", "nodec")]


def reachable(url: str, hosts: list[Host]) -> str:
    """Let a Redis server be reached from the hosts; return its URL there."""
    address = hosts[0].gateway
    with redis.Redis.from_url(url) as client:
        client.config_set("bind", " ".join(sorted({"127.0.0.1", address})))
    return url.replace("127.0.0.1", address)


def owners(url: str) -> set[str]:
    """Return the host names of those who ran a study's trials."""
    return {owner.host for trial in trials_of(url) if (owner := Attempt.of(trial).owner)}


def test_three_hosts_and_a_redis_server(make_app: MakeApp, redis_url: str, hosts: list[Host]) -> None:
    """Hosts that share nothing but a server finish the total together; the trial of a host that dies is run again."""
    url = reachable(redis_url, hosts)
    app = make_app(SLOW)
    runs = [
        host.start(
            app,
            "hydra.sweeper.storage=${oc.env:URL}",
            "hydra.sweeper.n_trials=16",
            "hydra.sweeper.n_jobs=2",
            URL=url,
        )
        for host in hosts
    ]
    wait_until(lambda: "nodec" in owners_or_none(redis_url))
    runs[2].kill()
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs[:2]] == [0, 0], outputs
    assert PASSWORD not in "".join(outputs)
    forget_the_beats_of("nodec", redis_url)
    again = hosts[0].start(
        app, "hydra.sweeper.storage=${oc.env:URL}", "hydra.sweeper.n_trials=16",
        URL=url,
    )  # fmt: skip
    out = again.communicate(timeout=120)[0]
    assert again.returncode == 0, out
    trials = trials_of(redis_url)
    assert [trial.state.name for trial in trials].count("COMPLETE") == 16
    lost = {trial.number for trial in trials if Attempt.of(trial).end == "lost"}
    assert {owner.host for trial in trials if trial.number in lost and (owner := Attempt.of(trial).owner)} <= {"nodec"}
    assert {Attempt.of(trial).repeats for trial in trials if Attempt.of(trial).repeats is not None} == lost
    assert {"nodea", "nodeb"} <= owners(redis_url)


def owners_or_none(url: str) -> set[str]:
    """Return the owners' host names, none while the study is not there."""
    try:
        return owners(url)
    except KeyError:
        return set()


def forget_the_beats_of(name: str, url: str) -> None:
    """Let the time pass after which a host is known to be dead."""
    found = {owner for trial in trials_of(url) if (owner := Attempt.of(trial).owner) and owner.host == name}
    with redis.Redis.from_url(url) as client:
        for owner in found:
            if client.hexists(":qgtune:alive", owner.name):
                client.hset(":qgtune:alive", owner.name, 1)


def test_two_hosts_and_a_shared_journal(make_app: MakeApp, hosts: list[Host]) -> None:
    """Hosts that share a disk finish the total together, each in its folder; job numbers are the study's."""
    app = make_app(SLOW)
    arguments = ("hydra.sweeper.storage=shared.log", "hydra.sweeper.n_trials=10", "hydra.sweeper.n_jobs=2")
    runs = [host.start(app, *arguments) for host in hosts[:2]]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    storage = str(app.folder / "shared.log")
    assert [trial.state.name for trial in trials_of(storage)] == ["COMPLETE"] * 10
    jobs = [int(path.name) for path in app.folder.glob("on_*/[0-9]*")]
    assert sorted(jobs) == list(range(10))
    assert owners(storage) == {"nodea", "nodeb"}


@pytest.fixture
def ssh(tmp_path: Path, hosts: list[Host]) -> str:
    """Return a command that stands in for ssh to the hosts."""
    script = tmp_path / "ssh.py"
    script.write_text(SSH.format(hosts=repr({host.name: list(host.prefix) for host in hosts})))
    return shlex.join([sys.executable, str(script)])


def start_script(app: App, ssh: str, url: str, *arguments: str) -> subprocess.Popen[str]:
    """Start `on_hosts.sh` for two hosts."""
    environment = {**os.environ, "SSH": ssh, "QGTUNE_STORAGE": url, "APP": "train.py", "PYTHON": sys.executable}
    command = ["bash", str(SCRIPT), "nodea nodeb", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=app.folder, stdout=pipe, stderr=subprocess.STDOUT, text=True, env=environment)


def test_the_ssh_script_runs_one_study(make_app: MakeApp, redis_url: str, hosts: list[Host], ssh: str) -> None:
    """The script starts the command on each host, shows what they say by host, and ends with them."""
    url = reachable(redis_url, hosts)
    run = start_script(make_app(SLOW), ssh, url, "hydra.sweeper.n_trials=6", "hydra.sweep.dir=sweep")
    out = run.communicate(timeout=120)[0]
    assert run.returncode == 0, out
    assert {line.split(":")[0] for line in out.splitlines() if re.match(r"node\w: ", line)} == {"nodea", "nodeb"}
    assert [trial.state.name for trial in trials_of(redis_url, "cluster")].count("COMPLETE") == 6
    assert PASSWORD not in out


def test_the_ssh_script_stops_all_hosts(make_app: MakeApp, redis_url: str, hosts: list[Host], ssh: str) -> None:
    """When the script is stopped, each host's sweep ends in good order: its trial is marked as interrupted."""
    url = reachable(redis_url, hosts)
    app = make_app("time.sleep(120)")
    run = start_script(app, ssh, url, "hydra.sweeper.n_trials=6", "hydra.sweep.dir=sweep")
    wait_until(lambda: (app.folder / "sweep" / "0").exists() and (app.folder / "sweep" / "1").exists())
    run.terminate()
    run.communicate(timeout=60)
    wait_until(lambda: not [trial for trial in trials_of(redis_url, "cluster") if trial.state.name == "RUNNING"])
    assert {Attempt.of(trial).end for trial in trials_of(redis_url, "cluster")} == {"returned"}
    assert files_with(PASSWORD, app.folder) == []
