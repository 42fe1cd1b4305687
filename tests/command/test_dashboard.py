"""`qgtune dashboard`: the real optuna-dashboard in a real browser, beside a real sweep."""

from __future__ import annotations

import http.client
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qgtune.command.pages import dashboard as module
from qgtune.command.pages.dashboard import _server
from qgtune.study.storages.opening import open_storage
from tests.command.conftest import COMMAND
from tests.studies import make_sweep, mixed_trials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.simple_server import WSGIServer

    from tests.browser import Browser
    from tests.command.conftest import Command
    from tests.conftest import App

N_TRIALS = 12
# Number and value of each trial in the history plot.
VALUES = (
    "(document.querySelector('#plot-history')?.data ?? []).filter(trace => trace.name?.startsWith('Objective 0'))"
    ".flatMap(trace => [...trace.x].map((x, i) => [x, trace.y[i]]))"
)
SCRIPT = Path(sys.executable).with_name("optuna-dashboard")


@contextmanager
def running(*command: object) -> Iterator[str]:
    """Run a dashboard; give the address that it prints, and end it with Ctrl-C."""
    arguments = [str(argument) for argument in command]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            lines: list[str] = []
            while not (found := re.search(r"http://127\.0\.0\.1:\d+/\S*", "".join(lines))):
                lines.append(process.stdout.readline())
                assert lines[-1], lines
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=30)[0]
    if arguments[: len(COMMAND)] == COMMAND:
        assert process.returncode == 0, rest
        assert "Traceback" not in rest


@contextmanager
def serving(server: WSGIServer) -> Iterator[None]:
    """Answer requests in a thread."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("stock", [False, True], ids=["qgtune dashboard", "optuna-dashboard"])
def test_it_shows_a_sweep_that_runs_and_does_not_disturb_it(
    make_app: Callable[..., App],
    browser: Browser,
    stock: bool,  # noqa: FBT001 - a table
) -> None:
    """Started between two trials, it shows every one, while two workers write the journal; the total stays right."""
    app = make_app("time.sleep(0.3)")
    own = [*COMMAND, "dashboard", app.path(), "--port", "0"]
    with app.start(f"hydra.sweeper.n_trials={N_TRIALS}", "hydra.sweeper.n_jobs=2") as sweep:
        assert sweep.stdout is not None
        while "trial " not in sweep.stdout.readline():
            pass
        with running(*([SCRIPT, "--port", _free_port(), app.path("study.log")] if stock else own)) as address:
            study = f"{address.split('/dashboard')[0].rstrip('/')}/dashboard/studies/0"
            with browser.open(study) as page:
                page.wait_for(f"{VALUES}.length >= 1")
                out, err = sweep.communicate(timeout=120)
                assert sweep.returncode == 0, out + err
                page.wait_for(f"{VALUES}.length >= {N_TRIALS}")  # it asks again by itself
                shown = page.evaluate(VALUES)
            with browser.open(f"{study}/trials") as page:
                whole = f"document.body.innerText.includes('{N_TRIALS} Trials') && document.body.innerText"
                text = page.wait_for(whole)
    trials = app.trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * N_TRIALS
    assert sorted(shown) == [[trial.number, trial.value] for trial in trials]
    assert re.findall(r"Trial (\d+)\nComplete", text) == [str(number) for number in range(N_TRIALS)]


@pytest.mark.slow
def test_the_printed_address_is_the_studys(tmp_path: Path, browser: Browser) -> None:
    """The address leads to the study itself, not to a list of all."""
    folder = make_sweep(tmp_path / "sweep", mixed_trials())
    with running(*COMMAND, "dashboard", folder, "--port", "0") as address, browser.open(address) as page:
        page.wait_for("document.body.innerText.includes('train')")
        assert page.evaluate("location.pathname") == "/dashboard/studies/0"
        assert not [problem for problem in page.problems if "favicon" not in problem]


def test_only_this_machine_can_reach_it(tmp_path: Path) -> None:
    """It listens on the loopback address alone: another address of the same machine is refused."""
    with _server(open_storage(str(tmp_path / "study.log")), 0) as server, serving(server):
        assert server.server_address[0] == "127.0.0.1"
        port = server.server_port
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=10)


@pytest.mark.parametrize(
    ("host", "code"),
    [("127.0.0.1:1", 200), ("localhost:8080", 200), ("evil.example:80", 403), ("evil.example", 403)],
    ids=str,
)
def test_other_names_of_this_machine_are_refused(tmp_path: Path, host: str, code: int) -> None:
    """A web page whose name leads to this machine cannot reach the studies."""
    with _server(open_storage(str(tmp_path / "study.log")), 0) as server, serving(server):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        connection.request("GET", "/api/studies", headers={"Host": host})
        assert connection.getresponse().status == code
        connection.close()


def test_a_port_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qgtune: Command) -> None:
    """A port that was asked for is an error when it is taken; the usual one gives way to another."""
    folder = make_sweep(tmp_path / "sweep")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = qgtune("dashboard", folder, "--port", port)
        assert done.code == 1
        assert f"Cannot open the dashboard on port {port}: Address already in use. Give another --port." in done.err
        monkeypatch.setattr(module, "PORT", port)
        with _server(open_storage(str(tmp_path / "study.log")), None) as server:
            assert server.server_port != port


def test_without_optuna_dashboard_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qgtune: Command
) -> None:
    """One line with the command."""
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    done = qgtune("dashboard", make_sweep(tmp_path / "sweep"))
    assert done.code == 1
    assert done.err.endswith("Run pip install 'qgtune[dashboard]'.\n")


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")  # the dashboard's own, on Optuna 4
def test_looking_writes_nothing(tmp_path: Path) -> None:
    """Asking the dashboard for a study leaves the journal as it is."""
    import json
    import urllib.request

    folder = make_sweep(tmp_path / "sweep", mixed_trials())
    before = (folder / "study.log").read_bytes()
    with _server(open_storage(str(folder / "study.log")), 0) as server, serving(server):
        for path in ("studies", "studies/0?after=0", "studies/0/param_importances"):
            address = f"http://127.0.0.1:{server.server_port}/api/{path}"
            with urllib.request.urlopen(address, timeout=30) as answer:
                json.load(answer)
    assert (folder / "study.log").read_bytes() == before
    assert {path.name for path in folder.iterdir()} >= {"study.log", "multirun.yaml"}
    assert not list(folder.glob("*.lock"))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_the_stock_program_is_installed() -> None:
    """The extra `dashboard` brings the program that the tests start."""
    assert SCRIPT.exists() or shutil.which("optuna-dashboard")
