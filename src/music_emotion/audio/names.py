"""Names of files as text that every format can hold, and back."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

from music_emotion.errors import printable

SCHEME = "://"
ADDRESS = "file:"
THIS_MACHINE = ("", "localhost")  # hosts of an address


def written_name(path: str) -> str:
    r"""Return the name of a file as text in UTF-8, of which :func:`local_path` makes the path.

    A name whose bytes are no UTF-8 is an address: the absolute path with those bytes in percent.

    Examples
    --------
    >>> written_name("café.mp3"), written_name("/music/caf\udce9.mp3")
    ('café.mp3', 'file:///music/caf%E9.mp3')
    """
    try:
        return os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        if SCHEME not in path:
            with suppress(OSError):  # the working folder is gone
                return Path(path).absolute().as_uri()
    except UnicodeEncodeError:  # no name of a file
        pass
    return printable(path)


def local_path(name: str) -> str:
    r"""Return the path that an address of a file on this machine means; other names as they are.

    What lies under the very name comes first.

    Examples
    --------
    >>> local_path("file:///music/caf%E9.mp3"), local_path("50%25.mp3")
    ('/music/caf\udce9.mp3', '50%25.mp3')
    """
    if not is_address(name) or os.path.lexists(name):
        return name
    path = name[len(ADDRESS) :]
    if path.startswith("//"):
        host, slash, path = path[2:].partition("/")
        if host.lower() not in THIS_MACHINE:
            return name
        path = slash + path
    if not path.startswith("/"):
        return name
    return os.fsdecode(unquote_to_bytes(os.fsencode(path)))


def is_address(name: str) -> bool:
    """Whether a name begins as the address of a file does.

    Examples
    --------
    >>> is_address("file:///music/a.mp3"), is_address("/music/a.mp3")
    (True, False)
    """
    return name[: len(ADDRESS)].lower() == ADDRESS
