-- From layout 1 to 2: records in the order of buckets, sums of buckets, commands. The program fills the tables
-- between the two halves, since places are hashes.
ALTER TABLE source ADD COLUMN bits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE record RENAME TO record_1;
CREATE TABLE record (
  place INTEGER NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  body TEXT NOT NULL,
  digest BLOB NOT NULL,
  PRIMARY KEY (place, kind, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE bucket (
  place INTEGER PRIMARY KEY,
  digest BLOB NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE command (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  gateway TEXT NOT NULL,
  expires INTEGER NOT NULL,
  payload BLOB NOT NULL
) STRICT;
