"""The tables of a catalogue's file, and how files of older versions become such.

The tables of now are made from the names in a prediction; what a migration says is written out, as
it must go on saying it when the names change.
"""

from __future__ import annotations

from music_emotion.emotions import EMOTIONS
from music_emotion.inference.prediction import (
    FLAGS,
    INTENSITY_COLUMNS,
    NUMBERS,
    STANDING_COLUMNS,
)
from music_emotion.library.database import Migration, Schema

APPLICATION_ID = 0x4D454D4F  # "MEMO" in the header of the file
BLOCK_TRACKS = 4096  # tracks per row of the table "vector"

DAMAGE = ("damaged at ", " s could be read")  # in warnings of sound that is partly lost
BROKEN = " OR ".join(("top IS NULL", *(f"instr(warnings, '{words}') > 0" for words in DAMAGE)))
"""SQL that is true of a prediction of silence, or of sound of which a part could not be read."""


def _each(names: tuple[str, ...], kind: str) -> str:
    return ",\n    ".join(f"{name} {kind}" for name in names)


def _outdates(derived: str, event: str, table: str, track: str, when: str = "") -> str:
    name = f"{table}_outdates_{derived}_{event.split()[0].lower()}"
    return f"""
CREATE TRIGGER {name} AFTER {event} ON {table}{when} BEGIN
    DELETE FROM {derived} WHERE block = {track} / {BLOCK_TRACKS};
END;"""


def _unsealed(table: str) -> str:
    return f"""
CREATE TRIGGER {table}_unsealed AFTER UPDATE ON {table}
WHEN new.checksum IS NOT NULL AND new.checksum IS old.checksum BEGIN
    UPDATE {table} SET checksum = NULL WHERE track = new.track;
END;"""


_TEXT = ("path", "artist", "album", "title", "genre")
_OTHER_TEXT = f" WHEN {' OR '.join(f'new.{name} IS NOT old.{name}' for name in _TEXT)}"

_TRACKS = f"""CREATE VIEW tracks AS
    SELECT track.*, model.name AS model, model.version,
        model.sha256 AS model_sha256, duration, confidence, top,
        {", ".join((*NUMBERS, *FLAGS))},
        {", ".join(EMOTIONS)},
        {", ".join(INTENSITY_COLUMNS)},
        {", ".join(STANDING_COLUMNS)},
        warnings
    FROM track
        LEFT JOIN prediction ON prediction.track = track.id
        LEFT JOIN model ON model.id = prediction.model;"""

_TABLES = f"""
CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    UNIQUE (sha256, version)
);
CREATE TABLE track (
    id INTEGER PRIMARY KEY,
    path NOT NULL UNIQUE,              -- TEXT where it is UTF-8, else BLOB
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    audio BLOB NOT NULL,               -- 16 bytes; empty where the file could not be read
    artist TEXT NOT NULL DEFAULT '',
    album TEXT NOT NULL DEFAULT '',
    title TEXT NOT NULL DEFAULT '',
    genre TEXT NOT NULL DEFAULT '',
    year INTEGER,
    error TEXT NOT NULL DEFAULT '',
    scanned_at INTEGER NOT NULL,       -- seconds since 1970
    missing_since INTEGER              -- NULL while the file is there
);
CREATE INDEX track_audio ON track(audio);
CREATE INDEX track_missing ON track(missing_since) WHERE missing_since IS NOT NULL;
CREATE INDEX track_error ON track(id) WHERE error <> '';
CREATE TABLE prediction (
    track INTEGER PRIMARY KEY REFERENCES track(id) ON DELETE CASCADE,
    model INTEGER NOT NULL REFERENCES model(id),
    duration REAL NOT NULL,            -- seconds
    confidence REAL NOT NULL,
    top TEXT,                          -- NULL for silence
    {_each(EMOTIONS, "REAL NOT NULL")},
    {_each(INTENSITY_COLUMNS, "REAL NOT NULL")},
    warnings TEXT NOT NULL DEFAULT '', -- one per line
    {_each(NUMBERS, "REAL")},          -- these and all below: NULL where they are not known
    {_each(FLAGS, "INTEGER")},         -- 0 or 1
    {_each(STANDING_COLUMNS, "REAL")},
    checksum INTEGER                   -- CRC-32 of the row; NULL: not taken yet
);
CREATE INDEX prediction_model ON prediction(model);
CREATE INDEX prediction_broken ON prediction(track) WHERE {BROKEN};
CREATE TABLE timeline (
    track INTEGER PRIMARY KEY REFERENCES track(id) ON DELETE CASCADE,
    first REAL NOT NULL,               -- seconds
    step REAL NOT NULL,                -- seconds
    window REAL NOT NULL,              -- seconds
    probabilities BLOB NOT NULL,       -- uint8, nine per point, 255 is 1; empty where there are
    points BLOB,                       -- all values of all points, packed
    checksum INTEGER                   -- CRC-32 of the row; NULL: not taken yet
);
CREATE TABLE vector (
    block INTEGER PRIMARY KEY,         -- of the tracks with id / {BLOCK_TRACKS} = block
    intensities BLOB NOT NULL,         -- float32, little-endian, {BLOCK_TRACKS} rows of nine
    probabilities BLOB NOT NULL,
    standing BLOB NOT NULL DEFAULT x'', -- empty where none is known
    numbers BLOB,                      -- int32, little-endian, {BLOCK_TRACKS} rows of three
    checksums BLOB                     -- CRC-32 of the four above, int32, little-endian
);
CREATE TABLE tag_write (
    id INTEGER PRIMARY KEY,
    track INTEGER REFERENCES track(id) ON DELETE SET NULL,
    path NOT NULL,
    audio BLOB NOT NULL,
    before TEXT NOT NULL,              -- JSON object
    after TEXT NOT NULL,               -- JSON object
    written_at INTEGER NOT NULL,       -- seconds since 1970
    finished INTEGER NOT NULL DEFAULT 0,
    undone_at INTEGER
);
CREATE INDEX tag_write_track ON tag_write(track);
CREATE INDEX tag_write_audio ON tag_write(audio);
CREATE TABLE text (
    block INTEGER NOT NULL,            -- of the tracks with id / {BLOCK_TRACKS} = block
    field TEXT NOT NULL,               -- path, artist, album, title or genre
    folded BLOB NOT NULL,              -- UTF-8 of {BLOCK_TRACKS} tracks, between them a zero byte
    plain BLOB NOT NULL,               -- the same without accents; empty where there are none
    checksums BLOB,                    -- CRC-32 of the two above, int32, little-endian
    UNIQUE (block, field)
);
CREATE TABLE imported (
    location NOT NULL,                 -- folder or URL of results of a cluster, as paths are
    file TEXT NOT NULL,
    writing TEXT NOT NULL,             -- which writing of the file was put into the catalogue
    PRIMARY KEY (location, file)
);
{_outdates("vector", "INSERT", "prediction", "new.track")}
{_outdates("vector", "UPDATE", "prediction", "new.track")}
{_outdates("vector", "DELETE", "prediction", "old.track")}
{_outdates("vector", "UPDATE OF missing_since", "track", "new.id")}
{_outdates("text", "INSERT", "track", "new.id")}
{_outdates("text", "UPDATE", "track", "new.id", _OTHER_TEXT)}
{_outdates("text", "DELETE", "track", "old.id")}
{_unsealed("prediction")}
{_unsealed("timeline")}
{_TRACKS}
"""

_PROBABILITIES_UNDER_THEIR_EMOTIONS = Migration(
    "a probability has its emotion's name, as in CSV and Parquet",
    upgrade="""
DROP VIEW tracks;
ALTER TABLE prediction RENAME COLUMN probability_amazement TO amazement;
ALTER TABLE prediction RENAME COLUMN probability_solemnity TO solemnity;
ALTER TABLE prediction RENAME COLUMN probability_tenderness TO tenderness;
ALTER TABLE prediction RENAME COLUMN probability_nostalgia TO nostalgia;
ALTER TABLE prediction RENAME COLUMN probability_calmness TO calmness;
ALTER TABLE prediction RENAME COLUMN probability_power TO power;
ALTER TABLE prediction RENAME COLUMN probability_joyful_activation TO joyful_activation;
ALTER TABLE prediction RENAME COLUMN probability_tension TO tension;
ALTER TABLE prediction RENAME COLUMN probability_sadness TO sadness;
CREATE VIEW tracks AS
    SELECT track.*, model.name AS model, model.version,
        model.sha256 AS model_sha256, duration, confidence, top,
        amazement, solemnity, tenderness, nostalgia, calmness, power, joyful_activation, tension,
        sadness,
        intensity_amazement, intensity_solemnity, intensity_tenderness, intensity_nostalgia,
        intensity_calmness, intensity_power, intensity_joyful_activation, intensity_tension,
        intensity_sadness,
        warnings
    FROM track
        LEFT JOIN prediction ON prediction.track = track.id
        LEFT JOIN model ON model.id = prediction.model;
""",
    views={
        "prediction": """
    SELECT track, model, duration, confidence, top,
        probability_amazement AS amazement, probability_solemnity AS solemnity,
        probability_tenderness AS tenderness, probability_nostalgia AS nostalgia,
        probability_calmness AS calmness, probability_power AS power,
        probability_joyful_activation AS joyful_activation, probability_tension AS tension,
        probability_sadness AS sadness,
        intensity_amazement, intensity_solemnity, intensity_tenderness, intensity_nostalgia,
        intensity_calmness, intensity_power, intensity_joyful_activation, intensity_tension,
        intensity_sadness,
        warnings
    FROM {source}
"""
    },
)

_MORE_THAN_EMOTIONS = Migration(
    "valence, arousal, standing and familiarity; whole timelines; a graph in several versions",
    upgrade="""
DROP VIEW tracks;
CREATE TABLE model_in_versions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    UNIQUE (sha256, version)
);
INSERT INTO model_in_versions SELECT id, name, version, sha256 FROM model;
DROP TABLE model;
ALTER TABLE model_in_versions RENAME TO model;
ALTER TABLE prediction ADD COLUMN valence REAL;
ALTER TABLE prediction ADD COLUMN arousal REAL;
ALTER TABLE prediction ADD COLUMN familiarity REAL;
ALTER TABLE prediction ADD COLUMN unfamiliar INTEGER;
ALTER TABLE prediction ADD COLUMN heard_in_training INTEGER;
ALTER TABLE prediction ADD COLUMN standing_amazement REAL;
ALTER TABLE prediction ADD COLUMN standing_solemnity REAL;
ALTER TABLE prediction ADD COLUMN standing_tenderness REAL;
ALTER TABLE prediction ADD COLUMN standing_nostalgia REAL;
ALTER TABLE prediction ADD COLUMN standing_calmness REAL;
ALTER TABLE prediction ADD COLUMN standing_power REAL;
ALTER TABLE prediction ADD COLUMN standing_joyful_activation REAL;
ALTER TABLE prediction ADD COLUMN standing_tension REAL;
ALTER TABLE prediction ADD COLUMN standing_sadness REAL;
ALTER TABLE timeline ADD COLUMN points BLOB;
ALTER TABLE vector ADD COLUMN standing BLOB NOT NULL DEFAULT x'';
CREATE VIEW tracks AS
    SELECT track.*, model.name AS model, model.version,
        model.sha256 AS model_sha256, duration, confidence, top,
        valence, arousal, familiarity, unfamiliar, heard_in_training,
        amazement, solemnity, tenderness, nostalgia, calmness, power, joyful_activation, tension,
        sadness,
        intensity_amazement, intensity_solemnity, intensity_tenderness, intensity_nostalgia,
        intensity_calmness, intensity_power, intensity_joyful_activation, intensity_tension,
        intensity_sadness,
        standing_amazement, standing_solemnity, standing_tenderness, standing_nostalgia,
        standing_calmness, standing_power, standing_joyful_activation, standing_tension,
        standing_sadness,
        warnings
    FROM track
        LEFT JOIN prediction ON prediction.track = track.id
        LEFT JOIN model ON model.id = prediction.model;
""",
    views={
        "prediction": """
    SELECT *,
        NULL AS valence, NULL AS arousal, NULL AS familiarity, NULL AS unfamiliar,
        NULL AS heard_in_training, NULL AS standing_amazement, NULL AS standing_solemnity,
        NULL AS standing_tenderness, NULL AS standing_nostalgia, NULL AS standing_calmness,
        NULL AS standing_power, NULL AS standing_joyful_activation, NULL AS standing_tension,
        NULL AS standing_sadness
    FROM {source}
""",
        "timeline": "SELECT *, NULL AS points FROM {source}",
        "vector": "SELECT *, x'' AS standing FROM {source}",
    },
)

_TEXT_IN_BLOCKS = Migration(
    "words are found whatever their case, accents and length; an index of broken files",
    upgrade="""
DROP TRIGGER track_words_insert;
DROP TRIGGER track_words_update;
DROP TRIGGER track_words_delete;
DROP TABLE words;
CREATE INDEX prediction_broken ON prediction(track) WHERE top IS NULL OR \
instr(warnings, 'damaged at ') > 0 OR instr(warnings, ' s could be read') > 0;
CREATE TABLE text (
    block INTEGER NOT NULL,
    field TEXT NOT NULL,
    folded BLOB NOT NULL,
    plain BLOB NOT NULL,
    UNIQUE (block, field)
);
ALTER TABLE vector ADD COLUMN numbers BLOB;
CREATE TRIGGER track_outdates_text_insert AFTER INSERT ON track BEGIN
    DELETE FROM text WHERE block = new.id / 4096;
END;
CREATE TRIGGER track_outdates_text_update AFTER UPDATE ON track WHEN \
new.path IS NOT old.path OR new.artist IS NOT old.artist OR new.album IS NOT old.album OR \
new.title IS NOT old.title OR new.genre IS NOT old.genre BEGIN
    DELETE FROM text WHERE block = new.id / 4096;
END;
CREATE TRIGGER track_outdates_text_delete AFTER DELETE ON track BEGIN
    DELETE FROM text WHERE block = old.id / 4096;
END;
""",
    views={
        "text": "SELECT 0 AS block, '' AS field, x'' AS folded, x'' AS plain WHERE 0",
        "vector": "SELECT *, NULL AS numbers FROM {source}",
    },
)

_CHECKSUMS = Migration(
    "checksums over predictions, timelines, vectors and text",
    upgrade="""
ALTER TABLE prediction ADD COLUMN checksum INTEGER;
ALTER TABLE timeline ADD COLUMN checksum INTEGER;
ALTER TABLE vector ADD COLUMN checksums BLOB;
ALTER TABLE text ADD COLUMN checksums BLOB;
CREATE TRIGGER prediction_unsealed AFTER UPDATE ON prediction
WHEN new.checksum IS NOT NULL AND new.checksum IS old.checksum BEGIN
    UPDATE prediction SET checksum = NULL WHERE track = new.track;
END;
CREATE TRIGGER timeline_unsealed AFTER UPDATE ON timeline
WHEN new.checksum IS NOT NULL AND new.checksum IS old.checksum BEGIN
    UPDATE timeline SET checksum = NULL WHERE track = new.track;
END;
""",
    views={
        "prediction": "SELECT *, NULL AS checksum FROM {source}",
        "timeline": "SELECT *, NULL AS checksum FROM {source}",
        "vector": "SELECT *, NULL AS checksums FROM {source}",
        "text": "SELECT *, NULL AS checksums FROM {source}",
    },
)

_IMPORTED = Migration(
    "which results of a cluster are in the catalogue",
    upgrade="""
CREATE TABLE imported (
    location NOT NULL,
    file TEXT NOT NULL,
    writing TEXT NOT NULL,
    PRIMARY KEY (location, file)
);
""",
    views={},
)

SCHEMA = Schema(
    APPLICATION_ID,
    _TABLES,
    (
        _PROBABILITIES_UNDER_THEIR_EMOTIONS,
        _MORE_THAN_EMOTIONS,
        _TEXT_IN_BLOCKS,
        _CHECKSUMS,
        _IMPORTED,
    ),
)
