"""Print every declared minimum as a pip constraint: ``numpy>=1.26`` becomes ``numpy==1.26``.

What ``constraints.txt`` pins stays as it is pinned. ``make test-minimum`` installs by it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOT_FOR_USERS = frozenset({"dev", "docs", "notebook", "release", "test"})
"""Extras that only work on this project needs; their newest versions serve."""
REQUIREMENT = re.compile(r"^(?P<name>[\w.-]+)(?:\[[\w,]+\])?>=(?P<minimum>[\w.]+)")


def minimum_versions(root: Path = ROOT) -> Iterator[str]:
    """Yield ``name==version`` for each requirement of the package and of its users' extras."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = {
        line.partition("==")[0].strip()
        for line in (root / "constraints.txt").read_text("utf-8").splitlines()
    }
    extras = project["optional-dependencies"]
    requirements = project["dependencies"] + [
        requirement
        for extra, wanted in extras.items()
        if extra not in NOT_FOR_USERS
        for requirement in wanted
    ]
    for requirement in sorted(set(requirements)):
        found = REQUIREMENT.match(requirement)
        if found and found["name"] not in pinned:
            yield f"{found['name']}=={found['minimum']}"


if __name__ == "__main__":
    print("\n".join(minimum_versions()))
