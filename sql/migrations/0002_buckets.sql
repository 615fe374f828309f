-- Version 2. Never edited once released; sql/schema.sql says what each table is for.
--
-- Keys get other integers, which SQL cannot compute: the rows are fetched again from the source. Head and floor
-- stay, so that no message older than them counts; ledger, events and overlay stay as they are.
DROP TABLE assignment;
DROP TABLE token;
DROP TABLE tombstone;
DROP TABLE record;
DROP TABLE name;
CREATE TABLE name (
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  key TEXT NOT NULL
) STRICT;
CREATE INDEX name_user ON name (key) WHERE kind = 1;
CREATE TABLE record (
  id INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  digest BLOB NOT NULL,
  refused TEXT,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX record_refused ON record (id) WHERE refused IS NOT NULL;
CREATE TABLE tombstone (
  id INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL
) STRICT;
CREATE TABLE bucket (
  bits INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (bits, bucket)
) STRICT, WITHOUT ROWID;
CREATE TABLE suspended (
  id INTEGER PRIMARY KEY
) STRICT;
CREATE TABLE token (
  id INTEGER PRIMARY KEY,
  user INTEGER,
  valid_from INTEGER,
  valid_to INTEGER
) STRICT;
CREATE INDEX token_user ON token (user);
CREATE INDEX token_valid_from ON token (valid_from) WHERE valid_from IS NOT NULL;
CREATE INDEX token_valid_to ON token (valid_to) WHERE valid_to IS NOT NULL;
CREATE TABLE assignment (
  id INTEGER PRIMARY KEY,
  user INTEGER NOT NULL,
  entitlement INTEGER NOT NULL,
  valid_from INTEGER,
  valid_to INTEGER
) STRICT;
CREATE INDEX assignment_user ON assignment (user);
CREATE INDEX assignment_entitlement ON assignment (entitlement);
CREATE INDEX assignment_valid_from ON assignment (valid_from) WHERE valid_from IS NOT NULL;
CREATE INDEX assignment_valid_to ON assignment (valid_to) WHERE valid_to IS NOT NULL;
CREATE TABLE standing (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  site TEXT NOT NULL,
  head_epoch INTEGER NOT NULL,
  head_seq INTEGER NOT NULL,
  floor_epoch INTEGER NOT NULL,
  floor_seq INTEGER NOT NULL,
  root BLOB NOT NULL,
  out_of_sync TEXT,
  exporter TEXT,
  parts BLOB NOT NULL,
  heard_epoch INTEGER NOT NULL,
  heard_seq INTEGER NOT NULL,
  heard_root BLOB NOT NULL,
  whole INTEGER NOT NULL
) STRICT;
INSERT INTO standing SELECT one, site, head_epoch, head_seq, floor_epoch, floor_seq, zeroblob(16), 'never_proven',
  exporter, zeroblob(1024), 0, 0, zeroblob(16), 0 FROM mirror;
DROP TABLE mirror;
ALTER TABLE standing RENAME TO mirror;
