from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect, Request

from helpers.live import BOUNDARY, part_head
from music_emotion.web.responses import APIError
from music_emotion.web.settings import ServerSettings
from music_emotion.web.uploads import FORM_BYTES, NAME_LENGTH, Upload, label, receive_upload

FORM = f"multipart/form-data; boundary={BOUNDARY}"
END = f"\r\n--{BOUNDARY}--\r\n".encode()
SMALL = ServerSettings(upload_bytes=1_000, idle_seconds=0.2)


def request(
    pieces: Iterable[bytes | None],
    content_type: str = FORM,
    length: str | None = None,
) -> Request:
    """A request whose body comes in pieces; ``None`` is a client that sends nothing more."""
    waiting = iter(pieces)

    async def receive() -> dict[str, object]:
        piece = next(waiting, b"")
        if piece is None:
            await asyncio.sleep(3_600)
        if piece == b"leave":
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": piece != b""}

    headers = [(b"content-type", content_type.encode())]
    headers += [(b"content-length", length.encode())] if length is not None else []
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


def receive(made: Request, settings: ServerSettings = SMALL) -> Upload:
    return asyncio.run(receive_upload(made, settings))


def problem(made: Request, settings: ServerSettings = SMALL) -> tuple[int, str]:
    with pytest.raises(APIError) as refused:
        receive(made, settings)
    return refused.value.problem.status, refused.value.problem.code


def test_the_file_its_name_and_the_fields_arrive() -> None:
    field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="model"\r\n\r\nlight\r\n'
    upload = receive(request([field.encode(), part_head("../../etc/passwd"), b"sound", END]))
    assert upload.file.read() == b"sound"
    assert upload.name == "passwd"
    assert upload.fields == {"model": "light"}
    upload.file.close()
    assert upload.file.closed


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("song.mp3", "song.mp3"),
        ("/etc/passwd", "passwd"),
        ("C:\\music\\song.mp3", "song.mp3"),
        ("a\nb\x00c.wav", "a\\nb\\x00c.wav"),
        ("", "upload"),
        ("folder/", "upload"),
        ("Lied – 歌.flac", "Lied – 歌.flac"),
        ("x" * 999, "x" * NAME_LENGTH),
    ],
)
def test_a_name_is_a_label_of_one_line(sent: str, expected: str) -> None:
    assert label(sent) == expected


@pytest.mark.parametrize("kind", ["", "application/json", "audio/wav", "multipart/mixed"])
def test_what_is_no_form_is_refused_unread(kind: str) -> None:
    assert problem(request([None], content_type=kind)) == (400, "bad_request")


def test_a_form_without_boundary_or_end() -> None:
    assert problem(request([b"x"], "multipart/form-data")) == (400, "bad_request")
    assert problem(request([b"no form at all"])) == (400, "bad_request")


def named(name: str, value: str) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return f"{head}{value}\r\n".encode()


@pytest.mark.parametrize(
    ("pieces", "kind", "said"),
    [
        ([b"x"], "multipart/form-data", "it is no multipart form with a boundary"),
        ([b"no form at all"], FORM, "it is no multipart form with a boundary"),
        ([b"no form at all", END], FORM, "it is no multipart form with a boundary"),
        ([named(str(n), "") for n in range(9)], FORM, "the form has more than 8 fields"),
        ([named("model", "x" * 5_000)], FORM, "a field of the form has more than 4,096 bytes"),
    ],
)
def test_a_bad_form_is_told_so_in_our_words(pieces: list[bytes], kind: str, said: str) -> None:
    with pytest.raises(APIError) as refused:
        receive(request(pieces, kind), ServerSettings())
    assert refused.value.problem.status == 400
    assert said in refused.value.message


def test_no_file_two_files_or_a_text_in_its_place() -> None:
    text = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\nx'.encode()
    other = part_head().replace(b'name="file"', b'name="song"')
    assert problem(request([text, END])) == (422, "invalid_field")
    assert problem(request([other, b"x", END])) == (422, "invalid_field")
    assert problem(request([part_head(), b"x\r\n", part_head(), b"y", END])) == (400, "bad_request")


SOUND = [part_head(), b"sound" * 100]


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        SOUND[:1],
        SOUND,
        [*SOUND, END[:6]],
        [*SOUND, END.removesuffix(b"--\r\n")],
        [*SOUND, END.replace(b"--\r\n", b"\r\n")],
        [*SOUND, b"\r\n", part_head()[:30]],
    ],
    ids=["nothing", "no sound", "no end", "half an end", "one more", "another", "half a head"],
)
def test_a_form_that_is_cut_off_is_told_so(pieces: list[bytes], uploads_folder: Path) -> None:
    with pytest.raises(APIError) as refused:
        receive(request(pieces))
    assert refused.value.problem.status == 400
    assert "it is cut off, its last boundary is missing" in refused.value.message


def test_an_end_without_a_line_break_is_one() -> None:
    upload = receive(request([*SOUND, END.removesuffix(b"\r\n")]))
    assert upload.file.read() == SOUND[1]
    upload.file.close()


def test_several_files_are_told_to_come_one_by_one() -> None:
    with pytest.raises(APIError, match="more than one file; send each in a request of its own"):
        receive(request([*SOUND, b"\r\n", *SOUND, END]))


def test_a_claim_is_refused_before_anything_is_read() -> None:
    assert problem(request([None], length="20000000000")) == (413, "too_large")


def test_a_body_without_a_length_is_counted() -> None:
    endless = [part_head(), *([b"x" * 4_096] * 1_000_000)]
    assert FORM_BYTES < 4_096 * 1_000_000
    assert problem(request(endless)) == (413, "too_large")


def test_a_pause_and_a_trickle_are_too_slow() -> None:
    assert problem(request([part_head(), None])) == (408, "upload_too_slow")

    async def trickle() -> APIError:
        made = request([])

        async def receive() -> dict[str, object]:
            await asyncio.sleep(0.05)
            return {"type": "http.request", "body": b"-", "more_body": True}

        made._receive = receive
        with pytest.raises(APIError) as refused:
            await receive_upload(made, ServerSettings(idle_seconds=0.2, upload_rate=1_000))
        return refused.value

    assert asyncio.run(trickle()).problem.status == 408


def test_a_sender_who_leaves() -> None:
    with pytest.raises(ClientDisconnect):
        receive(request([part_head(), b"leave"]))
