"""Change the code in one place at a time and see whether the tests notice (``make mutants``).

The changes are those of mutmut: an operator, a number, a condition, an argument, an assignment.
A random sample of them is tried, each in a process of its own, against the tests that run the
changed line, the fastest first. Left out are texts, also as arguments, and outside functions all
but numbers; mutmut changes no annotations. What was tried is kept in ``build/``, so that a run
that was stopped goes on.

    python tools/mutants.py --seed 1 --count 400
"""

from __future__ import annotations

import argparse
import compileall
import difflib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import libcst as cst
    from mutmut.mutation.file_mutation import Mutation

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path("src/music_emotion")
SCOPE: dict[str, tuple[str, ...]] = {
    "models/*.py": ("tests/models",),
    "training/*.py": ("tests/training", "tests/models"),
    "evaluation/metrics.py": (
        "tests/evaluation/test_metrics.py",
        "tests/evaluation/test_scores.py",
    ),
    "evaluation/folds.py": ("tests/evaluation/test_folds.py",),
    "evaluation/bootstrap.py": (
        "tests/evaluation/test_bootstrap.py",
        "tests/evaluation/test_scores.py",
        "tests/evaluation/agreement",
    ),
    "inference/model.py": ("tests/inference",),
    "library/scan.py": ("tests/library/test_scan.py", "tests/library/test_walk.py"),
    "library/tags/*.py": ("tests/library/tags", "tests/cli/test_tag.py"),
}
"""Modules that are changed, and the tests that are asked."""
PATIENCE = 5.0
"""Tests that take so many times as long as on the unchanged code count as having noticed."""
LEAST_SECONDS = 60.0
"""But they are given at least this long: a busy machine is no mutant noticed."""
HEAVY = ("numpy", "scipy.stats", "scipy.optimize", "sklearn.svm", "torch", "onnxruntime", "pandas")
"""Imported once, before processes are forked."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: a module of the package with one place that is different."""

    module: str
    number: int
    diff: str
    code: str

    @property
    def name(self) -> str:
        """Name that stays the same while the module does."""
        return f"{self.module}:{self.number}"

    @property
    def lines(self) -> range:
        """Lines that are changed, as numbered before."""
        first, _, count = self.diff.split()[1].lstrip("-").partition(",")
        return range(int(first), int(first) + int(count or 1))


def draw(modules: list[Path], count: int, seed: int) -> list[Mutant]:
    """Draw a random sample of all changes of the modules that are not changes of texts."""
    from mutmut.mutation.file_mutation import create_mutations

    trees, places = {}, list[tuple[Path, int]]()
    for path in modules:
        tree, mutations, *_ = create_mutations(str(path), path.read_text("utf-8"))
        trees[path] = tree, mutations
        places += [(path, number) for number, one in enumerate(mutations) if _is_tried(one)]
    print(f"{len(places)} mutants of {len(modules)} modules", flush=True)
    sample = random.Random(seed).sample(places, min(count, len(places)))
    return [_mutant(path, number, *trees[path]) for path, number in sample]


def _mutant(path: Path, number: int, tree: cst.Module, mutations: Sequence[Mutation]) -> Mutant:
    module = path.relative_to(ROOT / PACKAGE).as_posix()
    one = mutations[number]
    code = tree.deep_replace(one.original_node, one.mutated_node).code  # type: ignore[union-attr]
    before, after = tree.code.splitlines(), code.splitlines()
    lines = difflib.unified_diff(before, after, module, module, "", "", 0, "")
    return Mutant(module, number, "\n".join(list(lines)[2:]), code)


def _is_tried(mutation: Mutation) -> bool:
    """Leave out changes of texts, also as arguments, and outside functions all but numbers."""
    import libcst as cst

    texts = (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)
    original, mutated = mutation.original_node, mutation.mutated_node
    if mutation.contained_by_top_level_function is None:
        return isinstance(original, cst.BaseNumber)
    if isinstance(original, texts):
        return False
    if isinstance(original, cst.Call) and isinstance(mutated, cst.Call):
        kept = {id(argument) for argument in mutated.args}
        return not any(isinstance(a.value, texts) for a in original.args if id(a) not in kept)
    if isinstance(original, cst.Assign | cst.AnnAssign):
        return not isinstance(original.value, texts)
    return True


class Copy:
    """A copy of the package whose modules can be changed; one per process at work."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "src"
        shutil.copytree(ROOT / "src", self.source, ignore=shutil.ignore_patterns("__pycache__"))
        # What is not changed is compiled once, whatever the clock says.
        mode = PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(self.source, quiet=1, invalidation_mode=mode)

    def write(self, module: str, code: str) -> None:
        """Put code in a module's place and forget what was compiled of it."""
        path = self.source / "music_emotion" / module
        path.write_text(code, "utf-8")
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()


def start_tests(
    copy: Copy, tests: Sequence[str], log: Path, plugin: Callable[[], object] | None = None
) -> int:
    """Fork a process that runs tests on a copy; its exit status is pytest's.

    A plug-in of pytest is made there: what it measures begins with the process.
    """
    child = os.fork()
    if child:
        return child
    os.setsid()
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(out, descriptor)
    os.chdir(ROOT)
    os.environ["PYTHONPATH"] = str(copy.source)
    sys.path.insert(0, str(copy.source))
    import pytest

    options = "-x -q --tb=line --import-mode=importlib -o addopts= -p no:cacheprovider -p no:xdist"
    plugins = [plugin()] if plugin else []
    status = pytest.main([*options.split(), *tests], plugins=plugins)
    sys.stdout.flush()
    os._exit(int(status))


class Recorder:
    """A plug-in of pytest that notes which lines each test runs, and how long it takes."""

    def __init__(self, copy: Copy, out: Path) -> None:
        from coverage import Coverage

        self.out, self.seconds = out, dict[str, float]()
        self.coverage = Coverage(data_file=str(out / "lines"), source=[str(copy.source)])
        self.coverage.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note what runs from now on under the name of a test."""
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add up set-up, test and what follows it."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        """Write both down."""
        self.coverage.stop()
        self.coverage.save()
        (self.out / "seconds.json").write_text(json.dumps(self.seconds), "utf-8")


class Selection:
    """Which tests to ask about a mutant, and how long they take on the code as it is."""

    def __init__(self, copy: Copy, out: Path) -> None:
        from coverage import CoverageData

        wanted = sorted({test for tests in SCOPE.values() for test in tests})
        recording = start_tests(copy, wanted, out / "log", partial(Recorder, copy, out))
        if os.waitpid(recording, 0)[1]:
            sys.exit(f"the tests fail on the code as it is:\n{(out / 'log').read_text()[-2000:]}")
        self.seconds: dict[str, float] = json.loads((out / "seconds.json").read_text("utf-8"))
        self.data = CoverageData(basename=str(out / "lines"))
        self.data.read()
        self.source = copy.source / "music_emotion"

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the changed line; all of its module where none is known."""
        by_line = self.data.contexts_by_lineno(str(self.source / mutant.module))
        found = {test for line in mutant.lines for test in by_line.get(line, [])} - {""}
        if not found:
            path = Path(mutant.module)
            places = next(tests for pattern, tests in SCOPE.items() if path.match(pattern))
            found = {test for test in self.seconds if test.startswith(places)}
        return sorted(found, key=lambda test: self.seconds.get(test, 0.0))

    def limit(self, tests: Sequence[str]) -> float:
        """Return the seconds that tests are given."""
        return max(LEAST_SECONDS, PATIENCE * sum(self.seconds.get(test, 0.0) for test in tests))


@dataclass(slots=True)
class Job:
    """Tests at work on one mutant, and until when."""

    mutant: Mutant
    copy: Copy
    process: int
    since: float
    limit: float


def run(mutants: list[Mutant], results: Path, *, jobs: int) -> None:
    """Try mutants, ``jobs`` at once, and add a line to ``results`` for each."""
    for module in HEAVY:
        __import__(module)
    sources = {m.module: (ROOT / PACKAGE / m.module).read_text("utf-8") for m in mutants}
    with tempfile.TemporaryDirectory() as folder:
        copies = [Copy(Path(folder) / str(number)) for number in range(jobs)]
        print("running the tests on the code as it is", flush=True)
        selection = Selection(copies[0], Path(folder))
        waiting, at_work, done = list(reversed(mutants)), list[Job](), 0
        began = time.monotonic()
        while waiting or at_work:
            while waiting and len(at_work) < jobs:
                copy = next(c for c in copies if all(c is not job.copy for job in at_work))
                mutant = waiting.pop()
                copy.write(mutant.module, mutant.code)
                tests = selection.tests(mutant)
                process = start_tests(copy, tests, copy.source.parent / "log")
                limit = selection.limit(tests)
                at_work.append(Job(mutant, copy, process, time.monotonic(), limit))
            time.sleep(0.05)
            for job in list(at_work):
                outcome = _outcome(job)
                if outcome is None:
                    continue
                at_work.remove(job)
                job.copy.write(job.mutant.module, sources[job.mutant.module])
                done += 1
                with results.open("a", encoding="utf-8") as file:
                    entry = {**asdict(job.mutant), "outcome": outcome}
                    del entry["code"]
                    file.write(json.dumps(entry) + "\n")
                left = (time.monotonic() - began) / done * (len(mutants) - done)
                print(f"{done}/{len(mutants)}  {outcome:8}  {left / 60:.0f} min left", flush=True)


def _outcome(job: Job) -> str | None:
    """Return what came of a job, ``None`` while it goes on."""
    process, status = os.waitpid(job.process, os.WNOHANG)
    if process:
        _kill(job.process)  # what the tests started
        return "noticed" if status else "survived"
    if time.monotonic() - job.since > job.limit:
        _kill(job.process)
        os.waitpid(job.process, 0)
        return "too long"
    return None


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def main() -> None:
    """Draw a sample, try what was not tried before, and print what survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--count", type=int, default=400, help="mutants in the sample")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default="", help="modules that begin so, such as models/")
    parser.add_argument("--out", type=Path, default=ROOT / "build")
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", PYTHONDONTWRITEBYTECODE="1")
    sys.dont_write_bytecode = True
    modules = sorted({path for pattern in SCOPE for path in (ROOT / PACKAGE).glob(pattern)})
    modules = [m for m in modules if str(m).startswith(str(ROOT / PACKAGE / options.only))]
    sample = draw(modules, options.count, options.seed)
    options.out.mkdir(exist_ok=True)
    results = options.out / f"mutants-{options.seed}{options.only.replace('/', '-')}.jsonl"
    wanted = {m.name + m.diff for m in sample}

    def entries() -> list[dict[str, str]]:
        lines = results.read_text("utf-8").splitlines() if results.exists() else []
        read = [json.loads(line) for line in lines]
        return [e for e in read if f"{e['module']}:{e['number']}{e['diff']}" in wanted]

    tried = {(e["module"], e["number"]) for e in entries()}
    run(
        [m for m in sample if (m.module, m.number) not in tried],
        results,
        jobs=options.jobs,
    )
    survived = [e for e in entries() if e["outcome"] == "survived"]
    for entry in survived:
        print(f"\n{entry['module']}:{entry['number']}\n{entry['diff']}")
    share = 1 - len(survived) / max(1, len(sample))
    print(f"\n{len(sample) - len(survived)} of {len(sample)} mutants were noticed ({share:.1%})")


if __name__ == "__main__":
    main()
