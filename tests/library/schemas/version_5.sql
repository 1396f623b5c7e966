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
    amazement REAL NOT NULL,
    solemnity REAL NOT NULL,
    tenderness REAL NOT NULL,
    nostalgia REAL NOT NULL,
    calmness REAL NOT NULL,
    power REAL NOT NULL,
    joyful_activation REAL NOT NULL,
    tension REAL NOT NULL,
    sadness REAL NOT NULL,
    intensity_amazement REAL NOT NULL,
    intensity_solemnity REAL NOT NULL,
    intensity_tenderness REAL NOT NULL,
    intensity_nostalgia REAL NOT NULL,
    intensity_calmness REAL NOT NULL,
    intensity_power REAL NOT NULL,
    intensity_joyful_activation REAL NOT NULL,
    intensity_tension REAL NOT NULL,
    intensity_sadness REAL NOT NULL,
    warnings TEXT NOT NULL DEFAULT '', -- one per line
    valence REAL,
    arousal REAL,
    familiarity REAL,          -- these and all below: NULL where they are not known
    unfamiliar INTEGER,
    heard_in_training INTEGER,         -- 0 or 1
    standing_amazement REAL,
    standing_solemnity REAL,
    standing_tenderness REAL,
    standing_nostalgia REAL,
    standing_calmness REAL,
    standing_power REAL,
    standing_joyful_activation REAL,
    standing_tension REAL,
    standing_sadness REAL,
    checksum INTEGER                   -- CRC-32 of the row; NULL: not taken yet
);
CREATE INDEX prediction_model ON prediction(model);
CREATE INDEX prediction_broken ON prediction(track) WHERE top IS NULL OR instr(warnings, 'damaged at ') > 0 OR instr(warnings, ' s could be read') > 0;
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
    block INTEGER PRIMARY KEY,         -- of the tracks with id / 4096 = block
    intensities BLOB NOT NULL,         -- float32, little-endian, 4096 rows of nine
    probabilities BLOB NOT NULL,
    standing BLOB NOT NULL DEFAULT x'', -- empty where none is known
    numbers BLOB,                      -- int32, little-endian, 4096 rows of three
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
    block INTEGER NOT NULL,            -- of the tracks with id / 4096 = block
    field TEXT NOT NULL,               -- path, artist, album, title or genre
    folded BLOB NOT NULL,              -- UTF-8 of 4096 tracks, between them a zero byte
    plain BLOB NOT NULL,               -- the same without accents; empty where there are none
    checksums BLOB,                    -- CRC-32 of the two above, int32, little-endian
    UNIQUE (block, field)
);
CREATE TRIGGER prediction_outdates_vector_insert AFTER INSERT ON prediction BEGIN
    DELETE FROM vector WHERE block = new.track / 4096;
END;
CREATE TRIGGER prediction_outdates_vector_update AFTER UPDATE ON prediction BEGIN
    DELETE FROM vector WHERE block = new.track / 4096;
END;
CREATE TRIGGER prediction_outdates_vector_delete AFTER DELETE ON prediction BEGIN
    DELETE FROM vector WHERE block = old.track / 4096;
END;
CREATE TRIGGER track_outdates_vector_update AFTER UPDATE OF missing_since ON track BEGIN
    DELETE FROM vector WHERE block = new.id / 4096;
END;
CREATE TRIGGER track_outdates_text_insert AFTER INSERT ON track BEGIN
    DELETE FROM text WHERE block = new.id / 4096;
END;
CREATE TRIGGER track_outdates_text_update AFTER UPDATE ON track WHEN new.path IS NOT old.path OR new.artist IS NOT old.artist OR new.album IS NOT old.album OR new.title IS NOT old.title OR new.genre IS NOT old.genre BEGIN
    DELETE FROM text WHERE block = new.id / 4096;
END;
CREATE TRIGGER track_outdates_text_delete AFTER DELETE ON track BEGIN
    DELETE FROM text WHERE block = old.id / 4096;
END;
CREATE TRIGGER prediction_unsealed AFTER UPDATE ON prediction
WHEN new.checksum IS NOT NULL AND new.checksum IS old.checksum BEGIN
    UPDATE prediction SET checksum = NULL WHERE track = new.track;
END;
CREATE TRIGGER timeline_unsealed AFTER UPDATE ON timeline
WHEN new.checksum IS NOT NULL AND new.checksum IS old.checksum BEGIN
    UPDATE timeline SET checksum = NULL WHERE track = new.track;
END;
CREATE VIEW tracks AS
    SELECT track.*, model.name AS model, model.version,
        model.sha256 AS model_sha256, duration, confidence, top,
        valence, arousal, familiarity, unfamiliar, heard_in_training,
        amazement, solemnity, tenderness, nostalgia, calmness, power, joyful_activation, tension, sadness,
        intensity_amazement, intensity_solemnity, intensity_tenderness, intensity_nostalgia, intensity_calmness, intensity_power, intensity_joyful_activation, intensity_tension, intensity_sadness,
        standing_amazement, standing_solemnity, standing_tenderness, standing_nostalgia, standing_calmness, standing_power, standing_joyful_activation, standing_tension, standing_sadness,
        warnings
    FROM track
        LEFT JOIN prediction ON prediction.track = track.id
        LEFT JOIN model ON model.id = prediction.model;
INSERT INTO "model" VALUES(1,'tones','1','1111111111111111111111111111111111111111111111111111111111111111');
INSERT INTO "prediction" VALUES(1,1,180.0,0.5,'calmness',4.34782616794109344482e-02,4.34782616794109344482e-02,4.34782616794109344482e-02,4.34782616794109344482e-02,6.08695626258850097656e-01,4.34782616794109344482e-02,4.34782616794109344482e-02,8.69565233588218688964e-02,4.34782616794109344482e-02,5.00000007450580596923e-02,5.00000007450580596923e-02,5.00000007450580596923e-02,5.00000007450580596923e-02,0.699999988079071,5.00000007450580596923e-02,5.00000007450580596923e-02,1.00000001490116119384e-01,5.00000007450580596923e-02,'a note',0.25,-0.5,0.75,0,0,5.00000007450580596923e-02,5.00000007450580596923e-02,5.00000007450580596923e-02,5.00000007450580596923e-02,0.699999988079071,5.00000007450580596923e-02,5.00000007450580596923e-02,1.00000001490116119384e-01,5.00000007450580596923e-02,-1361546980);
INSERT INTO "timeline" VALUES(1,1.5,3.0,3.0,X'',X'78DAE316E406C3D98D20528C8D5B901B43848197E1F37F0600667E05F8',1385289389);
INSERT INTO "track" VALUES(1,'/music/a.mp3',100,200,300,X'612E6D70332E2E2E2E2E2E2E2E2E2E2E','Björk','','a.mp3','',NULL,'',1700000000,NULL);
INSERT INTO "track" VALUES(2,'/music/b.mp3',100,200,300,X'622E6D70332E2E2E2E2E2E2E2E2E2E2E','','','b.mp3','',NULL,'''b'' is damaged',1700000000,NULL);
PRAGMA application_id = 1296387407;
PRAGMA user_version = 5;
