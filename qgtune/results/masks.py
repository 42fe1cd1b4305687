"""Texts without the passwords in them."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/]*@", re.IGNORECASE)
_QUERY = re.compile(r"([?&](?:password|passwd|pwd|token|secret|api_?key|sslpassword)=)[^\s&'\"]+", re.IGNORECASE)


def masked(text: str) -> str:
    """Return `text` with the password of every address in it replaced by `***`."""
    return _QUERY.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))
