"""One address makes links, pictures on a package index, README and citation; none makes none."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

import project_address
import update_docs
from doc_figures import Figures
from project_address import cited, clone_words, index_page, project_urls, read_address

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "https://example.org/somebody/music-emotion"
NOTHING = Figures.read(ROOT / "docs")  # where no results are
README = (ROOT / "README.md").read_text("utf-8")
RELATIVE = re.compile(r"\]\((?![a-z]+:|#)")


def test_the_address_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert set(project["project"]["dynamic"]) == {"readme", "urls"}
    address = read_address(ROOT)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation.get("repository-code", "") == address
    assert read_address(ROOT / "docs") == ""
    assert all(link.startswith(ADDRESS) for link in project_urls(ADDRESS).values())


def test_a_package_index_shows_pictures_and_links_of_this_version() -> None:
    page = index_page(README, ADDRESS, "1.2.3")
    assert f"]({ADDRESS}/raw/v1.2.3/docs/pictures/predict.png)" in page
    assert f"]({ADDRESS}/blob/v1.2.3/docs/predict.md)" in page
    assert not RELATIVE.search(page)
    assert page.count("![") == README.count("![") >= 3
    assert "<!--" not in page
    assert "http://www2.projects.science.uu.nl/memotion/emotifydata/" in page


def test_without_an_address_there_are_texts_and_no_pictures() -> None:
    page = index_page(README, "", "1.2.3")
    assert not RELATIVE.search(page)
    assert "![" not in page
    assert "All results, each with its command" in page


def test_who_reads_it_on_an_index_installs_by_name_and_clones_nothing() -> None:
    for address in ("", ADDRESS):
        readme = update_docs.filled(README, NOTHING, address)
        page = index_page(readme, address, "1.2.3")
        assert "pip install music-emotion\n" in page
        assert "pip install 'music-emotion[web,library]'" in page
        assert "(`pip install 'music-emotion[plot]'`)" in page
        assert "pip install ." not in page.replace("pip install music", "")
        assert "in a clone of" not in page
        assert "Python 3.11 or newer:\n\n```sh\n" in page


def test_blocks_of_code_are_left_as_they_are() -> None:
    text = "[a](b.md)\n\n```text\n[a](b.md) <!-- c -->\n```\n"
    assert index_page(text, ADDRESS, "1") == (
        f"[a]({ADDRESS}/blob/v1/b.md)\n\n```text\n[a](b.md) <!-- c -->\n```\n"
    )


def test_a_place_and_the_citation_are_filled_and_emptied_again(tmp_path: Path) -> None:
    text = "Begin in <!-- project: clone -->?<!-- /project -->.\n"
    filled = update_docs.filled(text, NOTHING, ADDRESS)
    assert f"(`git clone {ADDRESS}`)<!-- /project -->." in filled
    emptied = update_docs.filled(filled, NOTHING)
    assert emptied == text.replace("?", clone_words(""))
    citation = "title: a\nlicense: MIT\nabstract: b\n"
    named = cited(citation, ADDRESS)
    assert yaml.safe_load(named)["repository-code"] == ADDRESS
    assert cited(named, ADDRESS) == named
    assert cited(named, "") == citation
    (tmp_path / "CITATION.cff").write_text(named)
    assert update_docs.outdated(tmp_path, NOTHING, ADDRESS) == []
    assert update_docs.outdated(tmp_path, NOTHING) == ["CITATION.cff: address"]


def test_every_place_of_the_project_on_a_page_is_known() -> None:
    for page in update_docs.pages(ROOT):
        for _, kind, name, _, _ in update_docs.PLACE.findall(page.read_text("utf-8")):
            assert kind != "project" or name in project_address.PLACES, page
