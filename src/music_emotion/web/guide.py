"""The page about the HTTP API for people: examples to copy, every address, every error.

The examples are those of ``docs/http-api.md``, with this server's address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from music_emotion.web import responses
from music_emotion.web.responses import ProblemType
from music_emotion.web.settings import MEGABYTE, ServerSettings

SERVED_AT = "http://127.0.0.1:8000"  # in the examples
TEMPLATE = files("music_emotion.web") / "static" / "api.html"


@dataclass(frozen=True, slots=True)
class Example:
    """Something to copy."""

    title: str
    kind: str  # sh or python
    text: str


ONE = Example(
    "One file, one answer",
    "sh",
    f"""curl -F file=@song.mp3 {SERVED_AT}/api/predict
curl -F file=@song.mp3 -F model=light -F explain=true {SERVED_AT}/api/predict
""",
)
ONE_IN_PYTHON = Example(
    "The same in Python",
    "python",
    f'''import httpx

with httpx.Client(base_url="{SERVED_AT}", timeout=600) as server:
    with open("song.mp3", "rb") as song:
        answer = server.post("/api/predict", files={{"file": song}}, data={{"model": "light"}})
prediction = answer.raise_for_status().json()
for emotion, share in prediction["intensities"].items():
    print(f"{{share:.0%}} feel {{emotion}}")
''',
)
JOB = Example(
    "A job that tells how far it is",
    "sh",
    f"""answer=$(curl -F file=@song.mp3 {SERVED_AT}/api/jobs)    # 202, {{"id": "…", …}}
job=$(printf '%s' "$answer" | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
curl -N "{SERVED_AT}/api/jobs/$job/events"               # server-sent events
curl "{SERVED_AT}/api/jobs/$job/result"
curl -X DELETE "{SERVED_AT}/api/jobs/$job"               # cancel, or forget
""",
)
JOB_IN_PYTHON = Example(
    "The same in Python",
    "python",
    f'''import json

import httpx

with httpx.Client(base_url="{SERVED_AT}", timeout=600) as server:
    with open("song.mp3", "rb") as song:
        job = server.post("/api/jobs", files={{"file": song}}).raise_for_status().json()
    place = f"/api/jobs/{{job['id']}}"
    with server.stream("GET", f"{{place}}/events") as events:
        for line in events.iter_lines():
            if line.startswith("data: "):
                state = json.loads(line.removeprefix("data: "))
                print(state["state"], state["progress"])
    result = server.get(f"{{place}}/result").raise_for_status().json()
    server.delete(place)
print(result["prediction"]["emotions"])
''',
)
MANY = Example(
    "Many files, four at a time",
    "sh",
    f"""find my-music -name '*.wav' -print0 | xargs -0 -P 4 -I {{}} \\
    curl --retry 20 -F 'file=@"{{}}"' -o {{}}.json {SERVED_AT}/api/predict
""",
)
MANY_IN_PYTHON = Example(
    "The same in Python",
    "python",
    f'''import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

server = httpx.Client(base_url="{SERVED_AT}", timeout=600)


def predict(path):
    while True:
        answer = server.post("/api/predict", files={{"file": (path.name, path.read_bytes())}})
        if "Retry-After" not in answer.headers:
            return answer.json()  # a prediction, or the code and the message of an error
        time.sleep(int(answer.headers["Retry-After"]))


with ThreadPoolExecutor(4) as threads:
    answers = list(threads.map(predict, sorted(Path("my-music").glob("*.wav"))))
print(len(answers), "answers")
''',
)

EXAMPLES = (ONE, ONE_IN_PYTHON, JOB, JOB_IN_PYTHON, MANY, MANY_IN_PYTHON)


def guide(document: dict[str, Any], settings: ServerSettings, address: str) -> str:
    """Return the page.

    Parameters
    ----------
    document
        The OpenAPI document.
    settings
        Of the server.
    address
        Where the page's reader finds the server, such as ``https://example.org/music``.
    """
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        address=escape(address),
        token="" if settings.token else "This one asks for none. ",
        addresses="\n".join(_addresses(document)),
        fields="\n".join(_fields(document)),
        errors="\n".join(_errors()),
        limits="\n".join(_limits(settings)),
        **{
            name.lower(): escape(example.text.replace(SERVED_AT, address))
            for name, example in globals().items()
            if isinstance(example, Example)
        },
    )


def problems() -> list[ProblemType]:
    """Return every kind of problem, by status and code."""
    found = [value for value in vars(responses).values() if isinstance(value, ProblemType)]
    return sorted(found, key=lambda problem: (problem.status, problem.code))


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _code(text: object) -> str:
    return f"<code>{escape(str(text))}</code>"


def _addresses(document: dict[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            good = (status for status in operation["responses"] if status < "400")
            yield _row(
                _code(f"{method.upper()} {path}"), escape(operation["summary"]), ", ".join(good)
            )


def _fields(document: dict[str, Any]) -> Iterator[str]:
    form = document["paths"]["/api/predict"]["post"]["requestBody"]
    schema = form["content"]["multipart/form-data"]["schema"]
    for name, field in schema["properties"].items():
        values: Iterable[str] = field.get("enum", ())
        needed = "yes" if name in schema["required"] else ""
        yield _row(_code(name), needed, escape(field["description"]), ", ".join(map(_code, values)))


def _errors() -> Iterator[str]:
    for problem in problems():
        about = escape(problem.meaning).replace("`file`", _code("file"))
        yield _row(str(problem.status), _code(problem.code), about)


def _limits(settings: ServerSettings) -> Iterator[str]:
    yield _row("size of an upload", f"{settings.upload_bytes / MEGABYTE:,g} MB")
    yield _row("length of the sound", f"{settings.audio_seconds / 60:,g} minutes")
    samples = f"{settings.audio_samples / MEGABYTE:,g} million"
    yield _row("samples in all channels together", samples)
    yield _row("time of one analysis", f"{settings.analysis_seconds:,g} s")
    yield _row("files of one client in the server at once", f"{settings.share:,}")
