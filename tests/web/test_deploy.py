"""The Dockerfile and the unit for systemd: what they run exists, and nobody gets more than needed.

Where there is no Docker, the container's commands are run in a bare environment.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main

from helpers.code_blocks import ROOT
from helpers.proxies import free_port
from music_emotion.cli.main import build_app

UNIT = ROOT / "deploy" / "music-emotion.service"
ANALYZE = shutil.which("systemd-analyze")
PROGRAM = "/opt/music-emotion/bin/music-emotion"
EXPOSURE = 1.5  # of 10, as systemd-analyze rates it
KNOWN = (
    *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK"),
    *("STOPSIGNAL", "ENTRYPOINT", "CMD"),
)
PATIENCE = 120.0


@dataclass(frozen=True)
class Instruction:
    """A line of a Dockerfile, continued lines joined."""

    name: str
    words: str

    @property
    def command(self) -> list[str]:
        """The words of one that is written as a JSON list."""
        found: list[str] = json.loads(self.words[self.words.index("[") :])
        return found


def instructions() -> list[Instruction]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [Instruction(*line.split(maxsplit=1)) for line in lines if line and line[0] != "#"]


def only(name: str) -> Instruction:
    (found,) = (one for one in instructions() if one.name == name)
    return found


def options_of(words: list[str]) -> dict[str, Any]:
    """The values of the options of a call of ``music-emotion serve``."""
    assert words[:2] == ["music-emotion", "serve"]
    command: Any = typer.main.get_command(build_app("serve"))
    context = command.commands["serve"].make_context("serve", words[2:])
    return dict(context.params)


def test_the_image_is_made_of_known_instructions_and_runs_as_nobody() -> None:
    found = instructions()
    assert {one.name for one in found} <= set(KNOWN)
    assert found[0].name == "FROM"
    for one in found:
        if one.name == "FROM":
            assert re.fullmatch(r"python:3\.\d+-slim( AS build)?", one.words)
    last = max(at for at, one in enumerate(found) if one.name == "FROM")
    kept = [one.name for one in found[last:]]
    assert "RUN" not in kept  # what builds is left behind
    user, group = only("USER").words.split(":")
    assert int(user) > 1_000
    assert int(group) > 1_000
    assert kept.index("USER") < kept.index("ENTRYPOINT")
    assert only("STOPSIGNAL").words == "SIGTERM"


def test_what_is_copied_is_there_and_not_left_out() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    for one in instructions():
        if one.name == "COPY" and not one.words.startswith("--from"):
            for name in one.words.split()[:-1]:
                assert (ROOT / name).exists(), name
                assert f"!{name}" in ignored


def test_the_container_serves_where_it_is_reached() -> None:
    options = options_of([*only("ENTRYPOINT").command, *only("CMD").command])
    assert options["host"] == "0.0.0.0"
    assert str(options["port"]) == only("EXPOSE").words
    assert options["log_format"] == "json"
    assert f"'127.0.0.1', {options['port']}" in only("HEALTHCHECK").command[-1]


def test_the_extras_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = re.search(r"'\.\[([\w,]+)\]'", only("RUN").words)
    assert asked is not None
    assert set(asked[1].split(",")) <= set(project["optional-dependencies"])


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the container's program is, installed by its own commands from what it copies.

    Packages it needs are those of the tests; which are needed, other tests know.
    """
    pytest.importorskip("hatchling", reason="needs hatchling, which builds the package")
    folder = tmp_path_factory.mktemp("image")
    target, build = folder / "music-emotion", folder / "build"
    build.mkdir()
    for one in instructions():
        if one.name == "COPY" and not one.words.startswith("--from"):
            for name in one.words.split()[:-1]:
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                copy(ROOT / name, build / name)
    script = only("RUN").words.replace("/opt/music-emotion", str(target))
    script = re.sub(r"(?<![-/])\bpython\b", shlex.quote(sys.executable), script)
    create, install = script.split("&&")
    offline = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    environment = {**os.environ, **offline, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment.pop("PYTHONPATH", None)
    subprocess.run(create, shell=True, cwd=build, env=environment, check=True)
    (packages,) = target.glob("lib/python*/site-packages")
    (packages / "of_the_tests.pth").write_text("\n".join(filter(is_site, sys.path)))
    subprocess.run(install, shell=True, cwd=build, env=environment, check=True)
    return target


def is_site(folder: str) -> bool:
    return folder.endswith("site-packages")


@pytest.fixture
def container(installed: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The container's program on a free port, in an empty folder."""
    port = free_port()
    variables = dict(re.findall(r"(\w+)=(\S+)", only("ENV").words))
    path = variables["PATH"].replace("/opt/music-emotion", str(installed))
    environment = {**variables, "PATH": path.replace("$PATH", os.environ["PATH"])}
    environment["HOME"] = str(tmp_path)
    command = [*only("ENTRYPOINT").command, "--port", str(port), *only("CMD").command]
    command[0] = str(installed / "bin" / command[0])
    process = subprocess.Popen(
        [*command, "--workers", "1"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process, port
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_the_containers_commands_install_serve_check_and_stop(
    container: tuple[subprocess.Popen[str], int], installed: Path, tmp_path: Path
) -> None:
    process, port = container
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"open http://0.0.0.0:{port}")
    check = only("HEALTHCHECK").command
    assert check[:2] == ["python", "-c"]
    program = check[2].replace("8000", str(port))
    python = str(installed / "bin" / "python")
    assert subprocess.run([python, "-c", program], check=False).returncode == 0
    elsewhere = program.replace("/api/health", "/api/nothing")
    assert subprocess.run([python, "-c", elsewhere], check=False).returncode == 1
    process.send_signal(getattr(signal, only("STOPSIGNAL").words))
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert json.loads(said.splitlines()[-1])["message"] == "stopped"
    assert not list(tmp_path.iterdir())  # nothing is written


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there."""
    copy = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    assert text.count(PROGRAM) == 1
    copy.write_text(text.replace(PROGRAM, sys.executable))
    return copy


@pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze")
def test_the_unit_is_one_and_hardly_exposed(unit: Path) -> None:
    done = subprocess.run(
        [str(ANALYZE), "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    rated = subprocess.run(
        [str(ANALYZE), "security", "--offline=true", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", rated.stdout)
    assert found is not None, rated.stderr
    assert float(found[1]) <= EXPOSURE


def test_the_unit_calls_the_program_as_it_is_and_waits_for_its_end() -> None:
    text = UNIT.read_text(encoding="utf-8")
    call = re.search(r"^ExecStart=(.+)$", text, re.MULTILINE)
    assert call is not None
    program, *words = shlex.split(call[1])
    assert program == PROGRAM
    options = options_of(["music-emotion", *words])
    assert options["host"] == "127.0.0.1"
    assert "KillMode=mixed" in text
    stop = re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert stop is not None
    assert int(stop[1]) > options["drain"]
