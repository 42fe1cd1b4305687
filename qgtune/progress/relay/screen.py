"""What a process writes to a terminal, turned into lines that can be printed elsewhere."""

from __future__ import annotations

import codecs
import re

_TOKEN = re.compile(
    r"\x1b\[(?P<args>[0-?]*)[ -/]*(?P<command>[@-~])"  # cursor, colour and the like
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # a window title or a link
    r"|\x1b[^\[\]]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|\x1b"
)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,500}\x1b?)?$")
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_RESET = "\x1b[0m"
_RESETS = ("", "0", "00")
MAX_CHARACTERS = 16_384
MAX_ROWS = 50
_GUESS_ROWS = 10
"""How many lines a program that hides the cursor is taken to rewrite, until it does."""


class Screen:
    """The last lines that one process has written: those that it may still change.

    A line is given out once the process cannot reach it any more, so that a progress bar that rewrites its line comes
    out once, as it was in the end. Of a terminal's commands, those that such bars use are obeyed; colours are kept,
    the rest is dropped.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self._lines = [""]
        self._row = 0
        self._returned = False
        self._colour = ""
        self._reach = 0
        self._is_guess = False
        self._over = 0

    def feed(self, data: bytes) -> list[str]:
        """Take in what was written; return the lines that are final."""
        return self.feed_text(self._decode(data))

    def feed_text(self, text: str) -> list[str]:
        """Do the same for text."""
        text = self._rest + text
        begun = _BEGUN.search(text, max(0, len(text) - MAX_CHARACTERS))
        self._rest = begun[0] if begun else ""
        for token in _TOKEN.finditer(text, 0, len(text) - len(self._rest)):
            if token["text"] is not None:
                self._write(token["text"])
            elif token["control"] is not None:
                self._control(token["control"])
            elif token["command"] is not None:
                self._command(token["command"], token["args"])
        return self._final()

    def settle(self) -> list[str]:
        """Give out the lines above the cursor: the process has been silent for a while."""
        self._reach = 0
        return self._final()

    def close(self) -> list[str]:
        """Give out the rest: the process has ended."""
        lines, self._lines, self._row, self._reach = self._lines, [""], 0, 0
        while lines and not plain(lines[-1]).strip():
            lines.pop()
        return [_closed(line) for line in lines]

    @property
    def current(self) -> str:
        """The last line with something in it, without colours; empty if there is none."""
        return next((text for line in reversed(self._lines) if (text := plain(line).strip())), "")

    def _final(self) -> list[str]:
        n_final = max(0, self._row - self._reach)
        final, self._lines = self._lines[:n_final], self._lines[n_final:]
        self._row -= n_final
        return [_closed(line) for line in final]

    def _write(self, text: str) -> None:
        line = self._colour if self._returned else self._lines[self._row]  # after a return, what follows overwrites
        self._returned, self._over = False, 0
        line += text
        while len(line) > MAX_CHARACTERS:
            self._lines[self._row], line = line[:MAX_CHARACTERS], line[MAX_CHARACTERS:]
            self._down(1)
        self._lines[self._row] = line

    def _control(self, character: str) -> None:
        if character == "\n":
            self._down(1)
        elif character == "\r":
            self._returned = True
        elif character == "\b":
            self._lines[self._row] = self._lines[self._row][:-1]
        elif character == "\t":
            self._write(character)

    def _command(self, command: str, args: str) -> None:
        count = int(args) if args.isdecimal() else 1
        if command == "m":
            self._set_colour(args)
        elif command in "AF":
            self._up(count)
        elif command in "BE":
            self._down(min(count, MAX_ROWS))
        elif command in "GH":
            self._returned = True
        elif command == "K" and (args == "2" or self._returned):
            self._lines[self._row] = self._colour
        elif command == "J" and args in ("", "0"):
            del self._lines[self._row + 1 :]
        elif args == "?25":  # the cursor is hidden for an animation, and shown after it
            self._is_guess = command == "l"
            self._reach = _GUESS_ROWS if self._is_guess else 0

    def _set_colour(self, args: str) -> None:
        before = "" if len(self._colour) > MAX_CHARACTERS // 100 else self._colour
        self._colour = "" if args in _RESETS else f"{before}\x1b[{args}m"
        if not self._returned:
            self._lines[self._row] += f"\x1b[{args}m"

    def _up(self, count: int) -> None:
        self._over += max(0, count - self._row)  # lines that it did not tell it would come back to
        self._row = max(0, self._row - count)
        self._returned = True
        known = 0 if self._is_guess else self._reach
        self._reach = min(MAX_ROWS, max(known, len(self._lines) - 1 - self._row + self._over))
        self._is_guess = False

    def _down(self, count: int) -> None:
        self._over = 0
        for _ in range(count):
            self._row += 1
            if self._row == len(self._lines):
                self._lines.append(self._colour)
            self._returned = self._row < len(self._lines) - 1 or bool(plain(self._lines[self._row]))


def plain(line: str) -> str:
    """Return a line without its colours."""
    return _COLOUR.sub("", line)


def _closed(line: str) -> str:
    return f"{line.rstrip()}{_RESET}" if "\x1b" in line else line.rstrip()
