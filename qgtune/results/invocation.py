"""The command that a sweep was started with, kept in its folder so that it can be run again."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError
from qgtune.space.reading.yaml_files import load_yaml_file, write_yaml
from qgtune.study.storages.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = Path(".qgtune", "command.yaml")
_NOT_HERE = "Cannot resume {folder!r}: {reason}. Run your command again with hydra.sweep.dir={folder}."


@dataclass(frozen=True, slots=True)
class Command:
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
    def current(cls) -> Command:
        """Return the command line of this process, with the interpreter's own options."""
        program, arguments = sys.orig_argv[1:], sys.argv[1:]
        if arguments and program[-len(arguments) :] != arguments:  # the app has changed them, and will do so again
            arguments = []
        n_program = len(program) - len(arguments)
        return cls((sys.executable, *program[:n_program]), tuple(arguments), str(Path.cwd()))

    def write(self, sweep: Path) -> None:
        """Keep it in a sweep folder, but for the passwords in it: then it cannot be run from there.

        Raises:
            OSError: when it cannot be written.
        """
        arguments = redact(list(self.arguments))
        data: dict[str, Any] = {"program": list(self.program), "arguments": arguments, "folder": self.folder}
        if arguments != list(self.arguments):
            data["hides"] = "a password"
        write_yaml(sweep / FILE, data)

    @classmethod
    def read(cls, sweep: Path) -> Command:
        """Read it from a sweep folder.

        Raises:
            QGTuneError: when the folder holds none, or a password was left out of it.
        """
        if not (sweep / FILE).is_file():
            raise QGTuneError(_NOT_HERE.format(folder=str(sweep), reason="it does not say which command it is of"))
        data: Any = load_yaml_file(sweep / FILE, "command of the sweep")
        try:
            if "hides" in data:
                reason = f"it had {data['hides']} in it, which was not kept"
                raise QGTuneError(_NOT_HERE.format(folder=str(sweep), reason=reason))
            return cls(tuple(map(str, data["program"])), tuple(map(str, data["arguments"])), str(data["folder"]))
        except (KeyError, TypeError):
            reason = f"its {FILE} is no command"
            raise QGTuneError(_NOT_HERE.format(folder=str(sweep), reason=reason)) from None

    def run_command(self, best_config: Path) -> str:
        """Return the command line that runs a written best config, for a shell in `folder`."""
        path = best_config.absolute()
        program = ["python", *self.program[1:]]
        return shlex.join([*program, "--config-path", str(path.parent), "--config-name", path.stem])

    def with_overrides(self, overrides: Sequence[str]) -> Command:
        """Return the same with more overrides; each replaces those of its key.

        They stand behind the others: Hydra's command line takes them in one piece only.
        """
        given = {key_of(override) for override in overrides}
        kept = [text for text in self.arguments if not _is_override(text) or key_of(text) not in given]
        behind = [index + 1 for index, text in enumerate(kept) if _is_override(text)]
        place = behind[-1] if behind else len(kept)
        return Command(self.program, (*kept[:place], *overrides, *kept[place:]), self.folder)


def _is_override(argument: str) -> bool:
    return not argument.startswith("-") and ("=" in argument or argument.startswith("~"))


def key_of(override: str) -> str:
    """Return what an override is of."""
    return override.lstrip("+~").split("=", 1)[0]
