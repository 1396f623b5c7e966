"""A catalogue's file: opened and brought up to date, its faults one line, one scan at a time."""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from music_emotion.errors import CatalogueError, DamagedCatalogueError, printable

BUSY_SECONDS = 30.0  # to wait for another program that is writing
POLL_SECONDS = 0.2  # between two looks at another scan's lock
PRIMARY_CODE = 0xFF  # of an SQLite error's number; the rest is details


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a schema to the next, named after what changes.

    Attributes
    ----------
    upgrade
        SQL that changes the file, in one transaction; foreign keys are not enforced within.
    views
        By which an older file that may not be written reads like a newer: for each table that
        changes a SELECT from ``{source}``, which is the table of the version before.
    """

    name: str
    upgrade: str
    views: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of a database, and how older files become such.

    ``statements`` make a new file, with ``application_id`` in its header; ``migrations`` lead from
    version 1 on.
    """

    application_id: int
    statements: str
    migrations: tuple[Migration, ...] = ()

    @property
    def version(self) -> int:
        """What ``PRAGMA user_version`` says of a file of now: 1 and the number of migrations."""
        return 1 + len(self.migrations)


def connect(path: Path, schema: Schema, *, write: bool) -> sqlite3.Connection:
    """Open a catalogue; with ``write``, make it where there is none, and migrate an older one.

    Raises
    ------
    CatalogueError
        There is none to read, it cannot be opened, or it is not one that this version knows.
    """
    if not write and not path.exists():
        raise CatalogueError(
            f"there is no catalogue at '{printable(path)}'; make one: music-emotion scan FOLDER"
        )
    _refuse_folder(path)
    if not write and path.stat().st_size == 0:
        raise CatalogueError(
            f"the catalogue '{printable(path)}' is empty (its scan was stopped as it began); scan "
            "again: music-emotion scan FOLDER"
        )
    with faults(path):
        connection = _writable(path) if write else _readable(path)
        try:
            _prepare(connection, path, schema, write=write)
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error) and is_damage(error):
                raise CatalogueError(  # nothing can be asked of it
                    f"the catalogue '{printable(path)}' is damaged where its tables are described "
                    f"({printable(error)}) and cannot be mended; move it away and scan again"
                ) from None
            raise
    return connection


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise CatalogueError(f"'{printable(path)}' is a folder; name the catalogue's file")


def _writable(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = printable(path.parent)
        raise CatalogueError(
            f"cannot make the catalogue's folder '{where}' ({error.strerror})"
        ) from None
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)


def _readable(path: Path) -> sqlite3.Connection:
    """Open for reading; where WAL's helper files cannot be made, as a file nobody changes."""
    address = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro"
    for more in ("", "&immutable=1"):
        connection = sqlite3.connect(
            address + more, uri=True, timeout=BUSY_SECONDS, isolation_level=None
        )
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            waiting = Path(f"{path}-wal")
            lost = waiting.exists() and waiting.stat().st_size > 0
            if more or lost or error.sqlite_errorcode & PRIMARY_CODE not in _NO_HELPER_FILES:
                raise
        else:
            return connection
    raise AssertionError("unreachable")


_NO_HELPER_FILES = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,  # the disk is full
)


def _prepare(connection: sqlite3.Connection, path: Path, schema: Schema, *, write: bool) -> None:
    """Check that this is a catalogue, make or migrate its tables, set what is per session."""
    if write and not _header(connection)[2]:
        connection.execute("PRAGMA journal_mode = WAL")
        with transaction(connection):
            if not _header(connection)[2]:  # another program may have been faster
                execute_all(connection, schema.statements)
                connection.execute(f"PRAGMA application_id = {schema.application_id}")
                connection.execute(f"PRAGMA user_version = {schema.version}")
    application, version, _ = _header(connection)
    if application != schema.application_id:
        raise CatalogueError(
            f"'{printable(path)}' is not a catalogue of music-emotion; name another file"
        )
    if version > schema.version:
        raise CatalogueError(
            f"'{printable(path)}' was made by a newer music-emotion (its schema is {version}, this "
            f"one knows {schema.version}); update music-emotion, or name another file"
        )
    if version < schema.version:
        _migrate(connection, schema, write=write)
    connection.execute("PRAGMA foreign_keys = ON")
    # Survives the end of any process; the end of power may cost the last few tracks.
    connection.execute("PRAGMA synchronous = NORMAL")


def _migrate(connection: sqlite3.Connection, schema: Schema, *, write: bool) -> None:
    """Bring an older file up to date; where it is only read, let it look as if it were."""
    if not write:
        _show_newer(connection, schema.migrations[_header(connection)[1] - 1 :])
        return
    connection.execute("PRAGMA foreign_keys = OFF")  # so that a table may be made anew
    with transaction(connection):
        for migration in schema.migrations[_header(connection)[1] - 1 :]:
            execute_all(connection, migration.upgrade)
        connection.execute(f"PRAGMA user_version = {schema.version}")


def _show_newer(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Make temporary views of the tables that migrations change, each in front of its table."""
    connection.execute("PRAGMA temp_store = MEMORY")  # where views are noted
    sources: dict[str, str] = {}
    for migration in migrations:
        for table, select in migration.views.items():
            source = sources.get(table, f"main.{table}")
            sources[table] = f"({select.format(source=source)})"
    for table, source in sources.items():
        connection.execute(f"CREATE TEMP VIEW {table} AS SELECT * FROM {source}")


def _header(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return the application's number, the schema's version, and the number of tables."""
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master) "
        "FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    return application, version, tables


def execute_all(connection: sqlite3.Connection, statements: str) -> None:
    """Execute SQL statements, each of which ends with its line, within the transaction there is."""
    statement = ""
    for line in statements.splitlines(keepends=True):  # executescript() would commit
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of the block, or nothing; inside another transaction, be part of that."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one line that names the catalogue and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise damaged(path, error) from None
        code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
        fault = _FAULTS.get(code, "cannot be used ({error}); name another with --catalogue")
        raise CatalogueError(
            f"the catalogue '{printable(path)}' {fault.format(error=printable(error))}"
        ) from None


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that what it read cannot be what was written."""
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
    # This package writes no row that belongs to none: the other is lost.
    told = ("Could not decode", "FOREIGN KEY constraint failed")
    return code == sqlite3.SQLITE_CORRUPT or any(words in str(error) for words in told)


def damaged(path: Path, error: Exception) -> DamagedCatalogueError:
    """Return that what was read from a catalogue cannot be, in one line."""
    reason = printable(error)
    return DamagedCatalogueError(
        f"the catalogue '{printable(path)}' is damaged ({reason}); mend it: music-emotion "
        "catalogue repair",
        reason,
    )


_FAULTS = {
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; what was written is kept, make room",
    sqlite3.SQLITE_IOERR: "cannot be read or written (disk error); is the disk full or failing?",
    sqlite3.SQLITE_READONLY: "may not be written; change its permissions, or name another with "
    "--catalogue",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that its folder exists and may be written",
    sqlite3.SQLITE_PERM: "may not be opened; change its permissions",
    sqlite3.SQLITE_BUSY: f"is being written by another program for over {BUSY_SECONDS:.0f} s; try "
    "again later",
    sqlite3.SQLITE_NOTADB: "is not a catalogue, or is damaged; name another with --catalogue",
}


# One scan at a time


@contextmanager
def scan_lock(
    catalogue: Path, *, wait: bool = False, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the right to scan into a catalogue: a lock of the operating system.

    The lock is on a file beside the catalogue, ``….lock``, which stays and says who has it. It ends
    with its owner, however that ends; worker processes do not inherit it.

    Parameters
    ----------
    wait
        Wait for a scan that is running, instead of an error.
    waiting
        Called once with who is waited for.

    Raises
    ------
    CatalogueError
        Another scan is running, the lock's file cannot be made or written, or the file system has
        no locks.
    """
    # Under the catalogue's own name: who comes to it by a link meets the same lock.
    path = Path(os.path.realpath(catalogue) + ".lock")
    _refuse_folder(catalogue)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise CatalogueError(f"cannot make '{printable(path)}' ({error.strerror})") from None
    try:
        try:
            _take(descriptor, catalogue, wait, waiting)
        except OSError as error:
            raise CatalogueError(
                f"'{printable(path)}' cannot be locked and written ({error.strerror}); make room, "
                "or put the catalogue on a disk that has locks"
            ) from None
        yield
    finally:
        os.close(descriptor)  # and the lock goes


def _take(
    descriptor: int, catalogue: Path, wait: bool, waiting: Callable[[str], None] | None
) -> None:
    while not _taken(descriptor):
        holder = _holder(descriptor)
        if not wait:
            raise CatalogueError(
                f"{holder} is scanning into '{printable(catalogue)}'; wait for it with --wait, "
                "or name another catalogue"
            )
        if waiting is not None:
            waiting(holder)
            waiting = None
        time.sleep(POLL_SECONDS)
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    text = f"process {os.getpid()} on {socket.gethostname()} (since {since})"
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())


def _taken(descriptor: int) -> bool:
    """Take the lock if it is free."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # beyond the text, which others may read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return printable(os.read(descriptor, 200).decode(errors="replace")) or "another process"
