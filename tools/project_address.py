"""What follows from the project's one address: links, a package index's README, the citation.

The address stands in ``pyproject.toml``, in ``[tool.hatch.metadata.hooks.custom]``, and by hand
nowhere else. As long as it is empty, nothing says where the project is::

    python tools/update_docs.py     # writes it into README.md, docs/ and CITATION.cff
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "music-emotion"
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"^<!--.*?-->\n\n?|<!--.*?-->", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")
INSTALL = re.compile(r"(pip install )'?\.(\[[\w,]+\])?'?")
REPOSITORY_CODE = re.compile(r"^repository-code: .*\n", re.MULTILINE)


def read_address(root: Path = ROOT) -> str:
    """Return the project's address, ``""`` as long as no maintainer has filled it in."""
    if not (root / "pyproject.toml").is_file():
        return ""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    address: str = project["tool"]["hatch"]["metadata"]["hooks"]["custom"]["address"]
    return address.rstrip("/")


def project_urls(address: str) -> dict[str, str]:
    """Return the links of the project by their names on a package index.

    >>> project_urls("https://example.org/music-emotion")["Changelog"]
    'https://example.org/music-emotion/blob/HEAD/CHANGELOG.md'
    >>> project_urls("")
    {}
    """
    if not address:
        return {}
    return {
        "Repository": address,
        "Documentation": f"{address}/blob/HEAD/docs/index.md",
        "Changelog": f"{address}/blob/HEAD/CHANGELOG.md",
        "Issues": f"{address}/issues",
    }


def index_page(readme: str, address: str, version: str) -> str:
    """Return the README as a package index can show it.

    Pictures and links lead to the files of this version (tag ``v…``); without an address there are
    no pictures, and of a link its text. Who reads it has no clone, and installs by name.
    """

    def followed(match: re.Match[str]) -> str:
        is_picture, text, path = match[1] == "!", match[2], match[3]
        if not address:
            return "" if is_picture else text
        return f"{match[1]}[{text}]({address}/{'raw' if is_picture else 'blob'}/v{version}/{path})"

    def prose(text: str) -> str:
        text = re.sub(rf",?\s+in {re.escape(clone_words(address))}", "", COMMENT.sub("", text))
        return re.sub(r"\n{3,}", "\n\n", LINK.sub(followed, installed(text)))

    def installed(text: str) -> str:
        return INSTALL.sub(rf"\1'{NAME}\2'", text).replace(f"'{NAME}'", NAME)

    return _apart(readme, prose, installed)


def _apart(text: str, prose: Callable[[str], str], code: Callable[[str], str]) -> str:
    """Return a page with its blocks of code and what stands between them changed."""
    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [prose(text[end : fence.start()]), code(fence[0])]
        end = fence.end()
    return "".join([*parts, prose(text[end:])])


def clone_words(address: str) -> str:
    """Return what one needs, for a sentence."""
    return f"a clone of this repository{f' (`git clone {address}`)' if address else ''}"


PLACES: Mapping[str, Callable[[str], str]] = {"clone": clone_words}
"""What stands in the marked places of the pages, by their name."""


def cited(citation: str, address: str) -> str:
    """Return ``CITATION.cff`` with the address, without one where there is none."""
    bare = REPOSITORY_CODE.sub("", citation)
    if not address:
        return bare
    return re.sub(
        r"^(license: .*\n)", rf'\1repository-code: "{address}"\n', bare, flags=re.MULTILINE
    )
