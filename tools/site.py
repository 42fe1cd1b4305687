"""Hooks of the documentation's build (`mkdocs.yml` names this file)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

GUIDES = "Guides"
SHIM = "https://unpkg.com/iframe-worker/shim"  # what the theme's plugin `offline` names, of all places


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put pages of the top folder that the navigation does not name at the end of its guides."""
    named = set(re.findall(r"[\w/-]+\.md", str(config.nav)))
    found = sorted(path.name for path in Path(config.docs_dir).glob("*.md"))
    (guides,) = (entry[GUIDES] for entry in config.nav or [] if GUIDES in entry)
    guides += [name for name in found if name not in named]
    return config


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Take the search's helper from the site itself."""
    del config
    return output.replace(SHIM, "../" * page.url.count("/") + "assets/iframe-worker.js")


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same for the page of a dead link."""
    del template_name, config
    return output.replace(SHIM, "assets/iframe-worker.js")
