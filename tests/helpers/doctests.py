"""Run the examples in a package's docstrings, and see which public function has none."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import FunctionType, ModuleType


def module_names(*packages: str) -> list[str]:
    """Return these modules, and those inside them where they are packages."""
    names = []
    for name in packages:
        names.append(name)
        module = importlib.import_module(name)
        if hasattr(module, "__path__"):
            names += [m.name for m in pkgutil.walk_packages(module.__path__, f"{name}.")]
    return names


def failing_examples(name: str) -> str:
    """Run a module's examples and return what went wrong, in words; empty where all is well."""
    said: list[str] = []
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(test, out=said.append)
    return "".join(said)


def without_example(name: str) -> list[str]:
    """Return the public functions of a module that have no example in their docstring."""
    return [
        function.__name__
        for function in public_functions(importlib.import_module(name))
        if ">>> " not in (function.__doc__ or "")
    ]


def public_functions(module: ModuleType) -> Iterator[FunctionType]:
    """Yield the functions that a module itself defines under names without an underscore."""
    for name, value in vars(module).items():
        function = inspect.unwrap(value) if callable(value) else value
        own = inspect.isfunction(function) and function.__module__ == module.__name__
        if own and not name.startswith("_"):
            yield function
