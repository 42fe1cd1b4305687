"""What processes write to a terminal, as lines."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qgtune.progress.relay.screen import MAX_CHARACTERS, Screen

UP, CLEAR, RED, RESET = "\x1b[A", "\x1b[2K", "\x1b[31m", "\x1b[0m"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def lines(*writes: str) -> list[str]:
    """Return all lines of a process that wrote this and ended."""
    screen = Screen()
    return [line for text in writes for line in screen.feed(text.encode())] + screen.close()


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        pytest.param(["one\ntwo\n"], ["one", "two"], id="lines"),
        pytest.param(["a\r\nb\r\n"], ["a", "b"], id="carriage-return-and-line-feed"),
        pytest.param(["a\n\nb\n"], ["a", "", "b"], id="empty-line"),
        pytest.param(["par", "tial"], ["partial"], id="partial-line-of-the-dead"),
        pytest.param(["  1%\r", " 50%\r", "100%\n"], ["100%"], id="bar"),
        pytest.param(["\r  1%", "\r 50%", "\r100%", "\n"], ["100%"], id="bar-returns-first"),
        pytest.param([f"{RED}bad{RESET} news\n"], [f"{RED}bad{RESET} news{RESET}"], id="colours"),
        pytest.param([f"{RED}a\nb{RESET}\nc\n"], [f"{RED}a{RESET}", f"{RED}b{RESET}{RESET}", "c"], id="colour-goes-on"),
        pytest.param(["a\x1b", "[31", "mb\n"], [f"a{RED}b{RESET}"], id="split-escape"),
        pytest.param(["\x1b]0;title\x07text\n"], ["text"], id="title"),
        pytest.param(["\x1b[?1049h\x1b[6n\x1b=a\x07b\x00c\n"], ["abc"], id="other-commands"),
        pytest.param(["1/3\b\b\b2/3\n"], ["2/3"], id="backspace"),
        pytest.param(["a\tb\n"], ["a\tb"], id="tab"),
        pytest.param(
            [f"\rout 0%\n\rin 0%{UP}", f"\rout 1%\n\rin 9%{UP}", "\rout 2%\n"], ["out 2%", "in 9%"], id="nested"
        ),
        pytest.param([f"old\r{CLEAR}new\n"], ["new"], id="cleared"),
        pytest.param(
            [
                f"before\n{HIDE}a1\nb1",
                f"\r{CLEAR}{UP}{CLEAR}a2\nb2",
                f"\r{CLEAR}{UP}{CLEAR}print\na3\nb3\n{SHOW}after\n",
            ],
            ["before", "print", "a3", "b3", "after"],
            id="animation",
        ),
    ],
)
def test_lines_come_out_as_they_were_in_the_end(writes: list[str], expected: list[str]) -> None:
    """Each line is given out once, in its last state."""
    assert lines(*writes) == expected


def test_a_line_is_given_out_at_its_end() -> None:
    """A finished line does not wait for more, and the one at hand can be seen."""
    screen = Screen()
    assert screen.feed(b"done\n\r 40%") == ["done"]
    assert screen.current == "40%"


def test_a_split_character_is_put_together() -> None:
    """A character whose bytes come apart is whole in the end."""
    screen = Screen()
    data = "größe\n".encode()
    assert screen.feed(data[:3]) == []
    assert screen.feed(data[3:]) == ["größe"]


def test_bytes_that_are_no_text_do_no_harm() -> None:
    """Rubbish is replaced, and what follows is read."""
    screen = Screen()
    found = screen.feed(bytes(range(256)) + b"\nafter\n")
    assert found[-1] == "after"
    assert not any(character < " " and character not in "\t\x1b" for line in found for character in line)


def test_an_endless_line_is_broken() -> None:
    """A line without an end takes no endless memory."""
    screen = Screen()
    found = [line for _ in range(10) for line in screen.feed(b"x" * MAX_CHARACTERS)]
    assert "".join(found) + screen.close()[0] == "x" * 10 * MAX_CHARACTERS
    assert len(found) == 9


def test_silence_frees_the_lines_above_the_cursor() -> None:
    """What an animation held back is given out when it has ended without a word."""
    screen = Screen()
    assert screen.feed(f"{HIDE}one\ntwo\nthree".encode()) == []
    assert screen.settle() == ["one", "two"]
    assert screen.current == "three"


@given(st.lists(st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=20), max_size=20), st.data())
def test_plain_lines_are_kept_however_they_are_cut(texts: list[str], data: st.DataObject) -> None:
    """Lines come out complete, once and in order, wherever the reads cut them."""
    written = "".join(f"{text}\n" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=10)))
    screen = Screen()
    edges = [0, *cuts, len(written)]
    found = [line for start, end in itertools.pairwise(edges) for line in screen.feed(written[start:end])]
    assert found + screen.close() == texts


@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_bytes_break_it(data: bytes, cut: int) -> None:
    """Whatever a process writes, a line is free of commands that would move the cursor."""
    screen = Screen()
    found = [*screen.feed(data[:cut]), *screen.feed(data[cut:]), *screen.close()]
    assert not any(character in line for line in found for character in "\r\n\b\x07")


@given(st.lists(st.sampled_from(["a", "\n", "\r", UP, "\x1b[3B", CLEAR, RED, RESET, "\x1b[J", HIDE, SHOW, "\b"])))
def test_no_commands_break_it(commands: list[str]) -> None:
    """Any mixture of the commands that are obeyed ends in lines without them."""
    assert not any(UP in line or CLEAR in line for line in lines(*commands))
