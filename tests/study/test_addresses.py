"""Storages are recognised by their names, and shown without their passwords."""

from __future__ import annotations

import pytest

from qgtune.study.storages.addresses import Storage, hidden, kind_of, redact, safe, scrub, secrets

ODD = "postgresql://me:p@s:s/w%20rd@host:5432/db?sslpassword=hush&x=1"
NO_SECRETS = ["db.token=null", "n_token=3", "~token", "model.token=cls,mean", "pass=range(1,4)"]
MAPPING = {"_target_": "a.B", "url": "mysql://u:pw@h/d", "kwargs": {"password": "other"}, "n": 3}


@pytest.mark.parametrize(
    ("storage", "kind"),
    [
        pytest.param(None, "memory", id="null"),
        pytest.param("Memory", "memory", id="memory"),
        pytest.param("a/b.log", "journal", id="path"),
        pytest.param("sqlite:///x.db", "sqlite", id="sqlite"),
        pytest.param("postgresql+psycopg2://h/d", "postgresql", id="with a driver"),
        pytest.param("postgres://h/d", "postgresql", id="short for postgresql"),
        pytest.param("mariadb://h/d", "mysql", id="mariadb"),
        pytest.param("rediss://h", "redis", id="redis over TLS"),
        pytest.param("grpc://h:1", "grpc", id="grpc"),
        pytest.param({"_target_": "a.B"}, "target", id="mapping"),
        pytest.param("http://h", "unknown", id="another scheme"),
    ],
)
def test_kinds(storage: Storage, kind: str) -> None:
    """The scheme, or its absence, says what a storage is."""
    assert kind_of(storage) == kind


@pytest.mark.parametrize(
    ("storage", "shown"),
    [
        pytest.param("redis://:pw@h:1/0", "redis://:***@h:1/0", id="no user"),
        pytest.param("mysql://u:pw@h/d", "mysql://u:***@h/d", id="user"),
        pytest.param("mysql://u@h/d", "mysql://u@h/d", id="no password"),
        pytest.param("redis://h?password=pw", "redis://h?password=***", id="parameter"),
        pytest.param(ODD, "postgresql://me:***@host:5432/db?sslpassword=***&x=1", id="odd characters"),
        pytest.param("a/b.log", "a/b.log", id="path"),
        pytest.param(None, "memory", id="null"),
        pytest.param(MAPPING, "a.B", id="mapping"),
    ],
)
def test_what_is_shown(storage: Storage, shown: str) -> None:
    """The name in messages has no password in it."""
    assert safe(storage) == shown


@pytest.mark.parametrize(
    ("storage", "found"),
    [
        pytest.param(ODD, {"p@s:s/w%20rd", "p@s:s/w rd", "hush"}, id="as written and as meant"),
        pytest.param(MAPPING, {"pw", "other"}, id="deep in a mapping"),
        pytest.param("mysql://u@h/d", set(), id="none"),
        pytest.param("a/b.log", set(), id="path"),
    ],
)
def test_secrets(storage: Storage, found: set[str]) -> None:
    """All passwords of a name are found."""
    assert set(secrets(storage)) == found


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("x=mysql://u:pw@h/d y", "x=mysql://u:***@h/d y", id="in a text"),
        pytest.param(["a", "redis://:pw@h"], ["a", "redis://:***@h"], id="in a list"),
        pytest.param(
            MAPPING,
            {"_target_": "a.B", "url": "mysql://u:***@h/d", "kwargs": {"password": "***"}, "n": 3},
            id="in a mapping",
        ),
        pytest.param({"password": "${oc.env:PW}"}, {"password": "${oc.env:PW}"}, id="a reference is no secret"),
        pytest.param({"db.password": "pw", "pw.n": 1}, {"db.password": "***", "pw.n": 1}, id="by its path"),
        pytest.param(["+db.password='a b'", "a@x.token=1&2"], ["+db.password=***", "a@x.token=***"], id="overrides"),
        pytest.param("db.password=${oc.env:PW}", "db.password=${oc.env:PW}", id="a reference in an override"),
        pytest.param(
            ["db.token=null", "n_token=3", "~token"], ["db.token=null", "n_token=3", "~token"], id="no secret"
        ),
        pytest.param({"token": None, "n": 1.5}, {"token": None, "n": 1.5}, id="nothing to hide"),
    ],
)
def test_redact(value: object, shown: object) -> None:
    """Plain data is shown with the passwords masked, and nothing else changed."""
    assert redact(value) == shown


def test_scrub_takes_a_password_out_of_another_librarys_text() -> None:
    """What a driver says is one line, without the password however it is written."""
    text = "no entry for me\nwith p@s:s/w rd (p@s:s/w%20rd) and redis://:else@h"
    assert scrub(text, ODD) == "no entry for me with *** (***) and redis://:***@h"


def test_settings_are_shown_without_what_their_keys_call_secret() -> None:
    """And without the storage's password, wherever it stands."""
    settings = {"db.password": "other", "notes": ["p@s:s/w rd"], "db.port": 1}
    assert hidden(settings, ODD) == {"db.password": "***", "notes": ["***"], "db.port": 1}
