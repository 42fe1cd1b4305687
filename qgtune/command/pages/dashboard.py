"""`qgtune dashboard`."""

from __future__ import annotations

import socket
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import click

from qgtune.command.answers.answer import JSON, answer
from qgtune.command.common import SOURCE, STUDY
from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from optuna.storages import BaseStorage

LOOPBACK = "127.0.0.1"
PORT = 8080  # optuna-dashboard's own


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread of its own; none of them keeps the process alive."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the overridden method
        """Say nothing of single requests."""


@click.command()
@SOURCE
@STUDY
@click.option("--port", type=click.IntRange(0, 65535), help=f"{PORT}, or any free one, if left out; 0 is a free one.")
@JSON
def dashboard(source: str, study_name: str | None, port: int | None) -> None:
    """Open optuna-dashboard on a study, for browsers of this machine.

    It shows trials as they come in, and may run beside a sweep. Ctrl-C ends it.

    \b
    qgtune dashboard
    qgtune dashboard sqlite:///studies.db --study mlp --port 8090
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.shapes import Served
    from qgtune.results.source import open_source
    from qgtune.study.optuna_private import id_of, storage_of

    study = open_source(source, study_name).study
    with _server(storage_of(study), port) as server:
        address = f"http://{LOOPBACK}:{server.server_port}/dashboard/studies/{id_of(study)}"
        said = f"Study {study.study_name!r}: {address}\nCtrl-C ends it."
        answer(Served(study.study_name, address), said)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()


def _server(storage: BaseStorage, port: int | None) -> WSGIServer:
    """Return a server that listens on this machine's own address only."""
    try:
        from optuna_dashboard import wsgi
    except ImportError:
        raise QGTuneError(
            "Cannot open the dashboard: optuna-dashboard is not installed. Run pip install 'qgtune[dashboard]'."
        ) from None
    # In this process: a command line of its own would show a database's password to everybody on the machine.
    pages = _for_this_machine(wsgi(storage))
    try:
        return make_server(LOOPBACK, _free(PORT) if port is None else port, pages, _Server, _Quiet)
    except OSError as error:
        raise QGTuneError(f"Cannot open the dashboard on port {port}: {error.strerror}. Give another --port.") from None


def _for_this_machine(pages: WSGIApplication) -> WSGIApplication:
    """Refuse other names of this machine: a page of the web could have its own lead here, and delete studies."""

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_HOST", LOOPBACK).rsplit(":", 1)[0] in (LOOPBACK, "localhost"):
            return pages(environ, start)
        start("403 Forbidden", [("Content-Type", "text/plain")])
        return [f"Open http://{LOOPBACK}:{environ['SERVER_PORT']} instead.\n".encode()]

    return answer


def _free(port: int) -> int:
    """Return the port if nobody listens on it, and else 0, for which the system takes a free one."""
    with socket.socket() as probe:
        return 0 if probe.connect_ex((LOOPBACK, port)) == 0 else port
