"""What `hydra.sweeper.notify` takes, and that nobody gets to see its addresses."""

from __future__ import annotations

from typing import Any

import pytest

from qgtune.errors import QGTuneError
from qgtune.hooks.notify import Notifier, read_notify
from qgtune.study.storages.addresses import redact

SLACK = "slack://tokenA/tokenB/tokenC"
BOTH = ["end", "failure"]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param(None, None, id="null"),
        pytest.param("json://a", {"urls": ["json://a"], "when": BOTH}, id="one address"),
        pytest.param(["json://a", SLACK], {"urls": ["json://a", SLACK], "when": BOTH}, id="several"),
        pytest.param({"urls": "json://a", "when": "best"}, {"urls": ["json://a"], "when": ["best"]}, id="when"),
    ],
)
def test_forms(given: Any, read: Any) -> None:
    """An address, a list, or a mapping that says when."""
    assert read_notify(given) == read


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param([], "give an address", id="none"),
        pytest.param({"urls": ["json://a"], "on": "end"}, "there is no on", id="another key"),
        pytest.param({"urls": ["json://a"], "when": ["end", "start"]}, "`when` has 'start'", id="another event"),
        pytest.param([1], "no list of paths", id="a number"),
    ],
)
def test_wrong_forms(given: Any, words: str) -> None:
    """Each is said in words that go on from the setting."""
    with pytest.raises(ValueError, match=words):
        read_notify(given)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise 2.3.0 imports it
def test_an_address_that_apprise_does_not_know_is_refused() -> None:
    """The error names the scheme, and nothing of the rest."""
    pytest.importorskip("apprise")
    with pytest.raises(QGTuneError, match=r"Cannot notify nope://\*\*\*: apprise does not know") as caught:
        Notifier(["json://localhost", "nope://secret@x"], BOTH)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(f"hydra.sweeper.notify=[{SLACK}]", "hydra.sweeper.notify=[slack://***]", id="an override"),
        pytest.param(
            f"a redis://:x@h 'hydra.sweeper.notify.urls=[\"{SLACK}\",json://b/c]' b",
            "a redis://:***@h 'hydra.sweeper.notify.urls=[\"slack://***\",json://***]' b",
            id="in a command line",
        ),
        pytest.param({"notify": {"urls": [SLACK]}}, {"notify": {"urls": ["slack://***"]}}, id="a mapping"),
        pytest.param({"notify": "${oc.env:URL}"}, {"notify": "${oc.env:URL}"}, id="a reference is no secret"),
        pytest.param({"x": SLACK}, {"x": SLACK}, id="elsewhere it is an address like others"),
    ],
)
def test_addresses_are_masked_whole(value: Any, shown: Any) -> None:
    """In most of them every part is a secret."""
    assert redact(value) == shown
