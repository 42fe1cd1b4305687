"""What several verbs share: how a study is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

# A path, so that shells complete it; it need not be one.
SOURCE: Decorator = click.argument("source", type=click.Path(path_type=str))
STUDY: Decorator = click.option("--study", "study_name", metavar="NAME", help="Which study, where there are several.")
