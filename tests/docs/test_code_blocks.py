"""Every code block of the README and the documentation does what it says.

The demo corpus stands in for a user's music. The blocks of a page run one after the other, as a
reader would run them, in a copy of one prepared folder; a page does not rely on another. A page's
first command is a process, as a reader starts it; later ones run in the tests' own process,
where they need no shell, because starting takes longer than most of them.
"""

from __future__ import annotations

import ast
import csv
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import pytest
import soundfile
import typer.main

from helpers.code_blocks import PAGES, ROOT, Block, blocks_of, reason, steering, words_of
from helpers.command_line import run
from music_emotion.cli.main import build_app
from music_emotion.datasets.demo import synthesise
from music_emotion.evaluation.plan import quick_corpus

SHELL = shutil.which("bash")
CURL = shutil.which("curl")
TIMEOUT = 1_200  # seconds per block; a hang must not look like patience
SERVED_AT = "http://127.0.0.1:8000"  # as the pages say
COMPARED = "compare --demo --quick --models cnn2d,svm --protocol artist"
FOR_SHELL = re.compile(r"^(?!music-emotion )|[|&;<>$*~]|--engine ray")
EXTRAS = re.compile(r"\[([\w,-]+)\]")


@dataclass(frozen=True)
class Reader:
    """Somebody who tries out what a page says."""

    folder: Path
    environment: dict[str, str]


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``song.mp3``, ``my-music``, ``my-music.csv`` and ``list.txt``."""
    folder = tmp_path_factory.mktemp("music")
    corpus = quick_corpus(synthesise(folder / "corpus", 0))
    (folder / "my-music").mkdir()
    with (folder / "my-music.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "group"])
        for number, track in enumerate(corpus.tracks):
            name = "one.mp3" if number == 0 else f"{track.path.stem}.wav"
            samples, rate = soundfile.read(track.path)
            soundfile.write(folder / "my-music" / name, samples, rate)
            table.writerow([name, track.dominant_emotion, track.group])
    shutil.copy(folder / "my-music" / "one.mp3", folder / "song.mp3")
    (folder / "list.txt").write_text("song.mp3\nmy-music/one.mp3\n")
    return folder


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Commands of this very source tree, and a home that all pages share for its cache."""
    home = tmp_path_factory.mktemp("home")
    programs = home / "bin"
    programs.mkdir()
    python = shlex.quote(sys.executable)
    calls = {
        "music-emotion": f"{python} -m music_emotion",
        "python": python,
        "python3": python,
        "curl": f"{CURL} --fail-with-body --silent --show-error",  # an error is none by default
    }
    for name, call in calls.items():
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec {call} "$@"\n')
        script.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if name != "EMOTIFY_ROOT"}
    return {
        **inherited,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="session")
def prepared_folder(music: Path, environment: dict[str, str]) -> Path:
    """The music, and a comparison of two models, which several pages begin with."""
    shutil.copytree(music / "my-music", Path(environment["HOME"]) / "Music")
    words = [sys.executable, "-m", "music_emotion", *COMPARED.split()]
    subprocess.run(words, cwd=music, env=environment, capture_output=True, check=True)
    return music


@pytest.fixture
def reader(
    prepared_folder: Path,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Reader:
    """A page is tried out in a folder of its own: a comparison scores all that lies in its own."""
    folder = tmp_path / "reader"
    shutil.copytree(prepared_folder, folder, ignore=shutil.ignore_patterns("corpus"))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    return Reader(folder, environment)


@pytest.fixture(scope="session")
def served(environment: dict[str, str]) -> Iterator[str]:
    """The address of a server that a command of the page started."""
    command = [sys.executable, "-m", "music_emotion", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]
        process.terminate()


def unmet(block: Block) -> str:
    """What a block needs that is not there, or ``""``."""
    if block.is_for_emotify and not os.environ.get("EMOTIFY_ROOT"):
        return "needs EMOTIFY_ROOT"
    if SERVED_AT in block.text and CURL is None:
        return "needs curl"
    return ""


def prepared(block: Block, reader: Reader, request: pytest.FixtureRequest) -> tuple[Block, Reader]:
    """A block and its reader with what the block needs."""
    if block.is_for_emotify:
        root = {"EMOTIFY_ROOT": os.environ["EMOTIFY_ROOT"]}
        reader = replace(reader, environment={**reader.environment, **root})
    if SERVED_AT in block.text:
        address = request.getfixturevalue("served")
        block = replace(block, text=block.text.replace(SERVED_AT, address))
    return block, reader


def run_shell(block: Block, reader: Reader) -> None:
    script = "\n".join(block.run_lines())
    done = subprocess.run(
        [SHELL, "-eu", "-c", script],
        cwd=reader.folder,
        env=reader.environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, (
        f"{block.place}\n{script}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    )


def run_python(block: Block, names: dict[str, Any]) -> None:
    """Run a block line by line; what is shown of it is a value, not a method to be called."""

    def shown(*values: object, **how: Any) -> None:
        for value in values:
            assert not inspect.isroutine(value), f"{block.place} shows {value}, without its ()"
        print(*values, **how)

    names["print"] = shown
    for statement in ast.parse(block.text).body:
        if isinstance(statement, ast.Expr):
            shown(eval(compile(ast.Expression(statement.value), block.place, "eval"), names))
        else:
            exec(compile(ast.Module([statement], []), block.place, "exec"), names)


def needs_shell(block: Block) -> bool:
    """Whether a block is more than calls of ``music-emotion``."""
    return any(FOR_SHELL.search(line) for line in block.run_lines())


def run_here(block: Block, reader: Reader) -> None:
    """Run the calls of a block in this process, which has imported what they import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EMOTIFY_ROOT", raising=False)
        for name, value in reader.environment.items():
            patch.setenv(name, value)
        for line in block.run_lines():
            words = words_of(line)
            patch.setattr(sys, "argv", words)  # a comparison records it
            done = run(*words[1:])
            assert done.exit_code == 0, f"{block.place}\n{line}\n{done.output[-2000:]}"


def check_options(block: Block) -> None:
    """Parse the lines that are not run, so that what was renamed is noticed all the same."""
    for line in block.lines():
        words = words_of(line)
        if not reason(line, block.not_run):
            continue
        if words[:1] == ["music-emotion"]:
            parse(words[1:], block.place)
        if words[:2] == ["pip", "install"]:
            named = {one for list_ in EXTRAS.findall(line) for one in list_.split(",")}
            assert named <= set(extras()), f"{block.place}: no such extra: {named - set(extras())}"


def extras() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return list(project["optional-dependencies"])


def parse(words: list[str], place: str) -> None:
    command: Any = typer.main.get_command(build_app())
    while hasattr(command, "commands"):
        name, words = (words[0], words[1:]) if words else ("", [])
        assert name in command.commands, f"{place}: there is no command {name!r}"
        command = command.commands[name]
    try:
        command.make_context(command.name, list(words))
    except click.exceptions.Exit:
        pass  # --help
    except Exception as error:
        raise AssertionError(f"{place}: {' '.join(words)}: {error}") from error


@pytest.mark.slow
@pytest.mark.skipif(SHELL is None, reason="bash is not installed")
@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_block_runs(page: Path, reader: Reader, request: pytest.FixtureRequest) -> None:
    names: dict[str, Any] = {"__name__": "__page__"}
    left_out = []
    ran = False
    for block in blocks_of(page):
        if block.is_shell:
            check_options(block)
        if need := unmet(block):
            left_out.append(f"{block.place} {need}")
        elif block.is_shell:
            lines = [replace(block, text=line) for line in block.run_lines()]
            for part in [block] if needs_shell(block) else lines:
                in_shell = not ran or needs_shell(part)
                (run_shell if in_shell else run_here)(*prepared(part, reader, request))
                ran = True
        elif block.file_name:
            (reader.folder / block.file_name).write_text(block.text)
        else:
            block, _ = prepared(block, reader, request)
            run_python(block, names)
    if left_out:
        pytest.skip("; ".join(left_out))


def test_what_is_prepared_stands_on_pages() -> None:
    lines = [line for page in PAGES for block in blocks_of(page) for line in block.run_lines()]
    assert lines.count(f"music-emotion {COMPARED}") >= 2


def test_an_architecture_takes_thirty_lines_as_its_page_says() -> None:
    first = next(block for block in blocks_of(ROOT / "docs" / "architecture.md") if block.file_name)
    lines = [line for line in first.text.splitlines() if line.strip() and line[0] not in '#"']
    assert len(lines) <= 30


def test_what_is_not_run_says_why_and_is_on_a_page() -> None:
    known = steering()
    pages = {page.relative_to(ROOT).as_posix(): blocks_of(page) for page in PAGES}
    every = [line for blocks in pages.values() for block in blocks for line in block.lines()]
    sections = [(known["not_run"], every), (known["needs_emotify"], every)]
    for name, section in known["not_run_on"].items():
        sections.append((section, [line for block in pages[name] for line in block.lines()]))
    for section, lines in sections:
        for beginning in section:
            assert any(reason(line, {beginning: "x"}) for line in lines), beginning


def test_a_wrong_option_or_extra_is_noticed_in_a_block_that_is_not_run() -> None:
    not_run = {"music-emotion compare": "takes hours", "pip install": "installs packages"}
    with pytest.raises(AssertionError, match="No such option"):
        check_options(Block("page.md:2", "sh", "music-emotion compare --modles svm\n", not_run))
    with pytest.raises(AssertionError, match="no command 'comprae'"):
        parse(["comprae"], "page.md:2")
    with pytest.raises(AssertionError, match="no such extra"):
        check_options(Block("page.md:2", "sh", "pip install '.[web,wbe]'\n", not_run))


def test_lines_are_left_out_by_their_longest_beginning_and_kinds_must_be_known() -> None:
    [block] = blocks_of(Path("page.md"), "```sh\na 1\nb 2 \\\n  3\n# c\nb  2 4\n```\n")
    assert block.lines() == ["a 1", "b 2    3", "b  2 4"]
    chosen = replace(block, not_run={"b": "too long", "b 2 4": ""}, needs_emotify={"a": "sound"})
    assert chosen.run_lines() == ["a 1", "b  2 4"]
    assert chosen.is_for_emotify
    assert not replace(chosen, not_run={"a": "too long"}).is_for_emotify
    with pytest.raises(ValueError, match="unknown kind 'pyton'"):
        blocks_of(Path("page.md"), "```pyton\n1\n```\n")
    [saved] = blocks_of(Path("page.md"), "```python\n# mine.py\nx = 1\n```\n")
    assert saved.file_name == "mine.py"
    [saved] = blocks_of(Path("page.md"), "```toml\n# my.toml\nx = 1\n```\n```toml\nx = 1\n```\n")
    assert saved.file_name == "my.toml"


@pytest.mark.parametrize("text", ["'a'.upper", "print('a'.upper)", "[len('a'), 'a'.upper][1]"])
def test_a_forgotten_call_is_noticed(text: str) -> None:
    block = replace(blocks_of(PAGES[0])[0], text=text)
    with pytest.raises(AssertionError, match=r"without its \(\)"):
        run_python(block, {})
