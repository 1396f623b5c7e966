from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile as sf
from typer.testing import Result

from helpers.command_line import run
from helpers.sounds import RATE, tone
from music_emotion.cli.predict import Format, _format
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.inference import batch


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder: a calm song, a tense one in a subfolder, a letter, and a folder named as a song."""
    folder = tmp_path / "music"
    (folder / "more").mkdir(parents=True)
    (folder / "odd.mp3").mkdir()
    sf.write(folder / "calm.wav", tone(6.0), RATE)
    sf.write(folder / "more" / "tense.flac", tone(6.0, hertz=3_000.0), RATE)
    (folder / "letter.mp3").write_text("dear listener")
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


def predict(*arguments: object, stdin: bytes = b"") -> Result:
    return run("predict", *arguments, stdin=stdin)


def test_one_song_as_a_table(music: Path, model: str) -> None:
    result = predict(music / "calm.wav", "--model", model, "--top", "2")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "0:06" in lines[0]
    assert "tones 1" in lines[0]
    assert lines[1].split()[0] == "calmness"
    assert len(lines) == 5
    assert "valence" in lines[-1]
    assert "calmness with a confidence of 100%" in lines[3]


def test_json_follows_the_schema(music: Path, model: str) -> None:
    result = predict(music / "calm.wav", music / "letter.mp3", "-m", model, "-f", "json")
    assert result.exit_code == 1
    good, bad = json.loads(result.stdout)
    assert set(good) == {
        "path",
        "duration",
        "model",
        "version",
        "emotions",
        "intensities",
        "standing",
        "confidence",
        "valence",
        "arousal",
        "familiarity",
        "unfamiliar",
        "heard_in_training",
        "timeline",
        "warnings",
    }
    assert good["duration"] == 6.0
    assert list(good["emotions"]) == list(good["intensities"]) == list(EMOTIONS)
    assert good["timeline"]["time"] == [1.5, 4.5]
    assert list(good["timeline"]["emotions"]) == list(EMOTIONS)
    assert set(bad) == {"path", "error"}
    assert bad["path"] == str(music / "letter.mp3")
    assert "1 of 2 files could not be predicted:\nerror: " in result.stderr
    assert "letter.mp3' is not audio" in result.stderr


def test_one_failure_is_one_line_and_exit_code_1(music: Path, model: str) -> None:
    for name in ("letter.mp3", "odd.mp3", "nothing.wav", "*.ogg"):
        result = predict(music / name, "-m", model)
        assert result.exit_code == 1
        assert result.stderr.startswith("error: '")
        assert len(result.stderr.splitlines()) == 1


def test_what_a_folder_holds_besides_is_counted(music: Path, model: str) -> None:
    result = predict(music, "-m", model, "-r", "-f", "json")
    assert [Path(row["path"]).name for row in json.loads(result.stdout)] == [
        "calm.wav",
        "letter.mp3",
        "tense.flac",
    ]
    assert result.stderr.splitlines()[0] == "left out 1 file that is no music: 1 .jpg"
    assert "left out" not in predict(music / "calm.wav", "-m", model).stderr


def test_json_lines_and_csv(music: Path, model: str) -> None:
    result = predict(music, "-r", "-m", model, "-f", "jsonl", "-j", "1")
    outcomes = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(o["path"]).name for o in outcomes] == ["calm.wav", "letter.mp3", "tense.flac"]
    rows = list(csv.DictReader(io.StringIO(predict(music, "-r", "-m", model, "-f", "csv").stdout)))
    assert [row["top"] for row in rows] == ["calmness", "", "tension"]
    assert float(rows[2]["tension"]) == outcomes[2]["emotions"]["tension"]
    assert "not audio" in rows[1]["error"]
    points = predict(music / "calm.wav", "-m", model, "-f", "csv", "--timeline").stdout
    assert [row["time"] for row in csv.DictReader(io.StringIO(points))] == ["1.5", "4.5"]


def test_the_name_of_the_output_tells_the_format(music: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert predict(music / "calm.wav", "-m", model, "-o", out).stdout == ""
    assert json.loads(out.read_text())[0]["model"] == "tones"
    assert [p.name for p in tmp_path.iterdir()] == ["music", "out.json"]


def test_jams_of_one_and_of_many(music: Path, model: str, tmp_path: Path) -> None:
    one = json.loads(predict(music / "calm.wav", "-m", model, "-f", "jams").stdout)
    assert one["file_metadata"]["duration"] == 6.0
    predict(music, "-r", "-m", model, "-f", "jams", "-o", tmp_path / "jams")
    assert sorted(p.name for p in (tmp_path / "jams").iterdir()) == ["calm.jams", "tense.jams"]
    refused = predict(music, "-r", "-m", model, "-f", "jams")
    assert isinstance(refused.exception, MusicEmotionError)
    predict(music / "calm.wav", "-m", model, "-o", tmp_path / "one.jams")
    assert json.loads((tmp_path / "one.jams").read_text()) == one
    assert predict(tmp_path / "gone.mp3", "-m", model, "-o", tmp_path / "no.jams").exit_code == 1
    assert not (tmp_path / "no.jams").exists()


def test_an_output_that_cannot_be_written_is_said_before_the_work(
    music: Path, model: str, tmp_path: Path
) -> None:
    for out, reason in [(tmp_path / "no" / "out.json", "cannot write"), (music, "is a folder")]:
        result = predict(music / "calm.wav", "-m", model, "-o", out, "-f", "json")
        assert isinstance(result.exception, MusicEmotionError)
        assert reason in str(result.exception)


def test_what_was_there_stays_when_a_run_fails(music: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    out.write_text("kept")
    result = predict(music / "calm.wav", "-m", tmp_path, "-o", out)
    assert isinstance(result.exception, MusicEmotionError)
    assert out.read_text() == "kept"


def test_pictures_and_reasons(music: Path, model: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = predict(music / "calm.wav", "-m", model, "--explain", "--plot", tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    band = next(line for line in result.stdout.splitlines() if "400–800 Hz" in line)
    assert float(band.split()[-1].strip("%")) > 80
    predict(music, "-r", "-m", model, "--plot", tmp_path / "many", "-j", "1")
    assert sorted(p.name for p in (tmp_path / "many").iterdir()) == ["calm.png", "tense.png"]


def test_a_missing_extra_is_one_line(
    music: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = predict(music / "calm.wav", "-m", model, "--plot", tmp_path / "one.png")
    assert str(result.exception) == (
        "drawing pictures needs more packages: pip install 'music-emotion[plot]'"
    )


def test_a_name_that_is_too_long_is_one_line(music: Path, model: str, tmp_path: Path) -> None:
    long = "n" * 300
    result = predict(music / f"{long}.mp3", "-m", model)
    assert result.exit_code == 1
    assert "cannot be opened (File name too long)" in result.stderr
    refused = predict(music / "calm.wav", "-m", long)
    assert str(refused.exception).startswith(f"there is no model '{long}'")
    refused = predict(music / "calm.wav", "-m", model, "-o", tmp_path / f"{long}.json")
    assert str(refused.exception).endswith("(File name too long)")


def test_music_is_never_written_over(music: Path, model: str, tmp_path: Path) -> None:
    calm, twice = music / "calm.wav", tmp_path / "x.png"
    before = calm.read_bytes()
    for options in (["-o", calm], ["--plot", calm], ["--plot", twice, "-f", "csv", "-o", twice]):
        result = predict(calm, "-m", "nonsense", *options)
        assert isinstance(result.exception, MusicEmotionError)
        assert "; write to another" in str(result.exception) or "twice" in str(result.exception)
    assert calm.read_bytes() == before


def test_a_name_that_tells_no_format_is_refused(music: Path, tmp_path: Path) -> None:
    result = predict(music / "calm.wav", "-o", tmp_path / "out.jsno")
    assert "ends in no format" in str(result.exception)
    assert [_format(None, name and Path(name)) for name in (None, "a", "a.TXT", "a.csv")] == [
        "table",
        "table",
        "table",
        "csv",
    ]
    assert _format(Format.JSON, Path("out.jsno")) == "json"


def test_standard_output_may_be_named(music: Path, model: str) -> None:
    for options in (["-f", "json"], ["-f", "jams"]):
        assert json.loads(predict(music / "calm.wav", "-m", model, "-o", "-", *options).stdout)
    assert not Path("-").exists()


def test_a_model_that_cannot_be_loaded_leaves_nothing(music: Path, tmp_path: Path) -> None:
    result = predict(music, "-r", "-m", "nonsense", "-f", "csv")
    assert isinstance(result.exception, MusicEmotionError)
    assert result.stdout == ""
    predict(music, "-r", "-m", "nonsense", "-f", "jams", "-o", tmp_path / "jams")
    assert not (tmp_path / "jams").exists()


def test_a_folder_of_one_song_may_be_many(music: Path, model: str, tmp_path: Path) -> None:
    (music / "letter.mp3").unlink()
    for number, name in enumerate((music, music / "c*.wav")):
        out = tmp_path / f"jams{number}"
        assert predict(name, "-m", model, "-f", "jams", "-o", out).exit_code == 0
        assert [path.name for path in out.iterdir()] == ["calm.jams"]
    assert json.loads(predict(music, "-m", model, "-f", "jams").stdout)["annotations"]
    assert "with a confidence of" in predict(music, "-m", model).stdout


def test_what_cannot_be_written_does_not_stop_the_others(
    music: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jams" / "calm.jams").mkdir(parents=True)
    result = predict(music, "-r", "-j", "1", "-m", model, "-f", "jams", "-o", tmp_path / "jams")
    assert result.exit_code == 1
    assert (tmp_path / "jams" / "tense.jams").is_file()
    assert "calm.jams' is a folder" in result.stderr
    pytest.importorskip("matplotlib")
    (tmp_path / "plots" / "calm.png").mkdir(parents=True)
    result = predict(
        music, "-r", "-j", "1", "-m", model, "-f", "json", "--plot", tmp_path / "plots"
    )
    assert len(json.loads(result.stdout)) == 3
    assert (tmp_path / "plots" / "tense.png").is_file()
    assert "calm.png' is a folder" in result.stderr
    result = predict(music / "calm.wav", "-m", model, "--plot", tmp_path / "no" / "x.png")
    assert "cannot write in" in str(result.exception)
    assert result.stdout == ""


def command(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    code = "from music_emotion.cli.main import main; main()"
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, **options
    )


def test_standard_input_is_read(music: Path, model: str) -> None:
    data = (music / "more" / "tense.flac").read_bytes()
    result = command("predict", "-", "-m", model, "-f", "json", "--explain", input=data)
    (outcome,) = json.loads(result.stdout)
    assert outcome["path"] == "-"
    assert outcome["explanation"]["emotion"] == "tension"
    batch.standard_input.cache_clear()
    empty = predict("-", "-m", model)
    assert empty.exit_code == 1
    assert empty.stderr == "error: standard input is empty (0 bytes); copy or download it again\n"


def test_a_pipe_that_closes_early_ends_in_one_line(music: Path, model: str) -> None:
    code = "from music_emotion.cli.main import main; main()"
    reading, writing = os.pipe()
    os.close(reading)
    arguments = ["predict", str(music / "calm.wav"), "-m", model, "-f", "json"]
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert result.returncode == 1
    assert result.stderr.decode().count("\n") <= 1
    assert b"Traceback" not in result.stderr


def test_a_users_mistake_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    result = command("predict", "song.mp3", "--model", "nonsense")
    assert result.returncode == 1
    assert result.stderr.decode().startswith("error: there is no model 'nonsense'; ")
    assert result.stderr.count(b"\n") == 1
    assert "card.json' is missing" in str(predict("song.mp3", "--model", tmp_path).exception)
    assert predict().exit_code == 2


def test_a_name_that_is_not_text_is_reported(tmp_path: Path, model: str) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9\n.wav")
    sf.write(tmp_path / "x.wav", tone(4.0), RATE)
    (tmp_path / "x.wav").rename(path)
    address = Path(path).as_uri()
    assert address.endswith("caf%E9%0A.wav")
    result = command("predict", path, "-m", model, "-f", "json")
    assert json.loads(result.stdout)[0]["path"] == address
    assert command("predict", address, "-m", model, "-f", "json").stdout == result.stdout
    jams = command("predict", path, "-m", model, "-f", "jams")
    assert json.loads(jams.stdout)["sandbox"]["path"] == address
    table = command("predict", path, "-m", model)
    assert table.returncode == 0
    assert address.encode() in table.stdout


@pytest.mark.parametrize(
    ("settings", "bar"),
    [
        ({"PYTHONIOENCODING": "cp1252"}, b"\\u2588"),
        ({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, "█".encode()),
    ],
)
def test_every_encoding_of_the_output_takes_a_table(
    music: Path, model: str, settings: dict[str, str], bar: bytes
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONIO", "LC_"))}
    result = command("predict", music / "calm.wav", "-m", model, env={**environment, **settings})
    assert result.returncode == 0
    assert bar in result.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("unbuffered", "line"),
    [
        ("", "error: standard output cannot be written (No space left on device)\n"),
        ("1", "error: reading or writing failed (No space left on device)\n"),
    ],
)
def test_a_full_disk_is_one_line(unbuffered: str, line: str, music: Path, model: str) -> None:
    code = "from music_emotion.cli.main import main; main()"
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [sys.executable, "-c", code, "predict", str(music / "calm.wav"), "-m", model],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert result.returncode == 1
    assert result.stderr.decode() == line


def without_streams(closed: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command with standard streams that a shell has closed."""
    code = "from music_emotion.cli.main import main; main()"
    script = f'exec "$@" {closed}'
    return subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
    )


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_a_file_is_written_where_standard_streams_are_closed(
    closed: str, music: Path, model: str, tmp_path: Path
) -> None:
    song, out = music / "calm.wav", tmp_path / "x.json"
    result = without_streams(closed, "predict", song, "-m", model, "-o", out)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert json.loads(out.read_text())[0]["path"] == str(song)


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_closed_streams_that_are_needed_are_one_line(music: Path, model: str) -> None:
    result = without_streams(">&-", "predict", music / "calm.wav", "-m", model)
    assert result.returncode == 1
    assert result.stderr == b"error: standard output is closed; name a file with -o\n"
    result = without_streams("<&-", "predict", "-", "-m", model)
    assert result.stderr == b"error: standard input is closed; pipe a file into it, or name one\n"
    listed = without_streams("<&-", "scan", "--engine", "ray", "--files-from", "-", "-o", "out")
    assert listed.stderr == (b"error: standard input is closed; pipe a list into it, or name one\n")
    result = without_streams("2>&-", "predict", music / "letter.mp3", "-m", model, "-f", "csv")
    assert (result.returncode, result.stdout.count(b"\n")) == (1, 2)


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_what_is_only_said_may_be_lost() -> None:
    result = without_streams(">&-", "models")
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_no_file_takes_the_place_of_a_closed_stream() -> None:
    code = (
        "import os; from music_emotion.cli.main import _open_closed_streams; "
        "_open_closed_streams(); os._exit(os.open('/dev/null', os.O_RDONLY))"
    )
    done = subprocess.run(["sh", "-c", f'"{sys.executable}" -c "{code}" <&- >&- 2>&-'])
    assert done.returncode > 2


def test_standard_input_that_does_not_fit_is_one_line(
    monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    def temporary_file(*_: object) -> None:
        raise OSError(28, "No space left on device")

    batch.standard_input.cache_clear()
    monkeypatch.setattr("tempfile.TemporaryFile", temporary_file)
    result = predict("-", "-m", model, stdin=b"RIFF")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: standard input could not be kept (No space left on device); name a file\n"
    )


def test_a_predict_that_is_stopped_leaves_nothing(model: str, tmp_path: Path) -> None:
    code = "from music_emotion.cli.main import main; main()"
    arguments = ["predict", "-", "-m", model, "-o", str(tmp_path / "out.json")]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not list(tmp_path.iterdir()) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert errors == b"stopped\n"
    assert list(tmp_path.iterdir()) == []
