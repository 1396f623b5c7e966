"""Settings of the documentation site: ``make docs`` builds it into ``site/``.

The site asks no server for anything: no fonts, no analytics, no search service.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from music_emotion import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "music-emotion"
author = "The music-emotion maintainers"
copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.apidoc",
]
root_doc = "index"
exclude_patterns = ["site"]
myst_heading_anchors = 3
smartquotes_action = "qe"  # a -- is an option of a command, not a dash
suppress_warnings = [
    "ref.python",  # a bare name in an annotation that two modules define
    "myst.xref_missing",  # links to files of the repository; tests/docs/test_links.py checks all
]

html_theme = "furo"
html_search_scorer = str(Path(__file__).with_name("search_scorer.js"))
html_title = f"music-emotion {__version__}"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["_static"]
html_js_files = ["scrolling.js"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1d4e89", "color-brand-content": "#1d4e89"},
    "dark_css_variables": {"color-brand-primary": "#8ab4e8", "color-brand-content": "#8ab4e8"},
}

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "music_emotion"
apidoc_modules = [
    {
        "path": str(PACKAGE),
        "destination": "api",
        "exclude_patterns": [
            f"{PACKAGE}/cli*",  # commands explain themselves: --help
            f"{PACKAGE}/__main__.py",
        ],
        "separate_modules": False,  # a page per folder
        "module_first": True,
        "max_depth": 1,
    }
]
toc_object_entries = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "ignore-module-all": True, "show-inheritance": True}
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_attr_annotations = False


LINK_TO_FOLDER = re.compile(r"\[([^\]]+)\]\((?:\.\./)+[^)\s]*/\)")


def name_folders_of_the_repository(app: Sphinx, page: str, source: list[str]) -> None:
    """Leave of links to the repository's folders their text; the site does not hold them."""
    source[0] = LINK_TO_FOLDER.sub(r"\1", source[0])


def give_captions_a_level(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: object
) -> None:
    """Complete the sidebar's captions: Sphinx makes them headings without a level."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace(
        'role="heading"', 'role="heading" aria-level="2"'
    )


def setup(app: Sphinx) -> None:
    """Register what happens while pages are read and written."""
    app.connect("source-read", name_folders_of_the_repository)
    app.connect("html-page-context", give_captions_a_level, priority=900)  # after the theme
