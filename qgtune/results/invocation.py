"""The command that a sweep was started with, kept in its folder so that it can be run again."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from qgtune.errors import QGTuneError
from qgtune.space.reading.yaml_files import load_yaml_file, write_yaml
from qgtune.study.storages.addresses import MASK, hidden, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qgtune.study.storages.addresses import Storage

FILE = Path(".qgtune", "command.yaml")
BASE_FILE = Path(".qgtune", "base.yaml")
"""The base settings' values for what a sweep tunes, beside its command."""
_WITH_VALUE = ("--config-dir", "--config-name", "--config-path", "--experimental-rerun", "--package")
_SHORT_WITH_VALUE = ("-cd", "-cn", "-cp", "-p")
_NOT_HERE = "Cannot resume {folder!r}: {reason}. Run your command again with hydra.sweep.dir={folder}."


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command line.

    Attributes:
        program: the interpreter, its options and what it runs.
        arguments: what the app was given.
        folder: the folder that it was run in.
    """

    program: tuple[str, ...]
    arguments: tuple[str, ...]
    folder: str

    @classmethod
    def current(cls) -> Invocation:
        """Return the command line of this process, with the interpreter's own options."""
        program, arguments = sys.orig_argv[1:], sys.argv[1:]
        if arguments and program[-len(arguments) :] != arguments:  # the app has changed them, and will do so again
            arguments = []
        n_program = len(program) - len(arguments)
        return cls((sys.executable, *program[:n_program]), tuple(arguments), str(Path.cwd()))

    def write(self, sweep: Path, storage: Storage) -> None:
        """Keep it in a sweep folder, but for the passwords in it: then it cannot be run from there.

        Args:
            sweep: the folder.
            storage: where the study is kept, whose password must not be told.

        Raises:
            OSError: when it cannot be written.
        """
        program, arguments = hidden(list(self.program), storage), hidden(list(self.arguments), storage)
        data: dict[str, Any] = {"program": program, "arguments": arguments, "folder": self.folder}
        if (program, arguments) != (list(self.program), list(self.arguments)):
            data["hides"] = "a password"
        write_yaml(sweep / FILE, data)

    @classmethod
    def read(cls, sweep: Path, overrides: Sequence[str] | None = None) -> Invocation:
        """Read it from a sweep folder.

        Args:
            sweep: the folder.
            overrides: those of the plain run to make of it, which needs none of the config's passwords; None for none.

        Raises:
            QGTuneError: when the folder holds none, or a password was left out of it.
        """
        if not (sweep / FILE).is_file():
            raise QGTuneError(_NOT_HERE.format(folder=str(sweep), reason="it does not say which command it is of"))
        data: Any = load_yaml_file(sweep / FILE, "command of the sweep")
        try:
            found = cls(tuple(map(str, data["program"])), tuple(map(str, data["arguments"])), str(data["folder"]))
            hides = str(data.get("hides", ""))
        except (AttributeError, KeyError, TypeError):
            reason = f"its {FILE} is no command"
            raise QGTuneError(_NOT_HERE.format(folder=str(sweep), reason=reason)) from None
        run = found if overrides is None else found.as_plain_run(())
        if hides and (overrides is None or any(MASK in text for text in (*run.program, *run.arguments))):
            reason = f"it had {hides} in it, which was not kept"
            raise QGTuneError(_NOT_HERE.format(folder=str(sweep), reason=reason))
        return found if overrides is None else found.as_plain_run(overrides)

    def as_plain_run(self, overrides: Sequence[str]) -> Invocation:
        """Return the command that runs one job with these overrides, under the app's own settings of Hydra.

        What makes it a sweep, and what the sweep's command line set in the app's config, is left out.
        """
        told = _told_apart(self.arguments)
        options = [text for text, is_override in told if (_is_hydras(text) if is_override else not _is_multirun(text))]
        return Invocation(self.program, (*options, "hydra.mode=RUN", *overrides), self.folder)

    def without_passwords(self) -> tuple[str, ...]:
        """Return its words, fit to be shown."""
        return tuple(redact([*self.program, *self.arguments]))

    def shown(self) -> str:
        """Return it as a line for a shell, without passwords."""
        line = shlex.join(self.without_passwords())
        there = "" if Path(self.folder) == Path.cwd() else f"cd {shlex.quote(self.folder)} && "
        return str(redact(there)) + line

    def become(self) -> NoReturn:
        """Run it in place of this process, so that its exit code and signals are its own.

        Raises:
            QGTuneError: when its folder is gone.
        """
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise self._not_there(error) from None
        line = self._line()
        os.execv(line[0], line)  # noqa: S606 - the user's own command, without a shell

    def run(self, output: TextIO) -> int:
        """Run it to its end, with what it prints in `output`; return its exit code.

        A terminal sends Ctrl-C to it, too, and it ends as it would by itself; SIGTERM is passed on.

        Raises:
            QGTuneError: when its folder is gone.
        """
        line = self._line()
        try:
            process = subprocess.Popen(line, cwd=self.folder, stdout=output)  # noqa: S603 - the user's own command
        except OSError as error:
            raise self._not_there(error) from None
        before = signal.signal(signal.SIGTERM, lambda number, _frame: process.send_signal(number))
        try:
            while True:
                with contextlib.suppress(KeyboardInterrupt):
                    return process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)

    def _line(self) -> list[str]:
        """Return program and arguments; this interpreter takes the place of one that is gone."""
        program = list(self.program)
        if shutil.which(program[0]) is None:
            sys.stderr.write(f"There is no {program[0]} any more: {sys.executable} is used.\n")
            program[0] = sys.executable
        sys.stdout.flush()
        sys.stderr.flush()
        return [*program, *self.arguments]

    def _not_there(self, error: OSError) -> QGTuneError:
        return QGTuneError(f"Cannot run it in {self.folder!r}: {error.strerror}. Run it from where your app is now.")

    def with_overrides(self, overrides: Sequence[str]) -> Invocation:
        """Return the same with more overrides; each replaces those of its key.

        They stand behind the others: Hydra's command line takes them in one piece only.
        """
        given = {key_of(override) for override in overrides}
        told = _told_apart(self.arguments)
        kept = [(text, is_override) for text, is_override in told if not is_override or key_of(text) not in given]
        behind = [index + 1 for index, (_text, is_override) in enumerate(kept) if is_override]
        place = behind[-1] if behind else len(kept)
        texts = [text for text, _is_override in kept]
        return Invocation(self.program, (*texts[:place], *overrides, *texts[place:]), self.folder)


def own_command(spelled: Callable[[Path], str] = str) -> str:
    """Return how a shell calls this environment's `qgtune`: by its path, where the name leads nowhere or elsewhere.

    Args:
        spelled: how the path is written.
    """
    python = Path(sys.executable)
    script = python.with_name("qgtune")
    if not script.exists():
        return f"{shlex.quote(spelled(python))} -m qgtune"
    found = shutil.which("qgtune")
    return "qgtune" if found and script.samefile(found) else shlex.quote(spelled(script))


def _told_apart(arguments: Sequence[str]) -> list[tuple[str, bool]]:
    """Return each argument with whether it is an override; the value of an option is none, whatever is in it."""
    before = ("", *arguments)
    return [
        (text, not _takes_value(option) and _is_override(text)) for option, text in zip(before, arguments, strict=False)
    ]


def _is_override(argument: str) -> bool:
    return not argument.startswith("-") and ("=" in argument or argument.startswith("~"))


def _takes_value(option: str) -> bool:
    """Say whether the next argument is this one's value: Hydra takes the start of a long option for it."""
    is_long = option.startswith("--") and len(option) > len("--")
    return option in _SHORT_WITH_VALUE or (is_long and any(name.startswith(option) for name in _WITH_VALUE))


def _is_multirun(argument: str) -> bool:
    return argument == "-m" or (len(argument) > len("--") and "--multirun".startswith(argument))


def _is_hydras(override: str) -> bool:
    """Say whether an override sets Hydra itself up, other than for sweeps."""
    key = key_of(override).replace("/", ".")
    of_sweeps = ("hydra.mode", "hydra.sweep", "hydra.sweeper", "hydra.launcher")
    return key.startswith("hydra.") and not any(key == name or key.startswith(f"{name}.") for name in of_sweeps)


def key_of(override: str) -> str:
    """Return what an override is of."""
    return override.lstrip("+~").split("=", 1)[0]
