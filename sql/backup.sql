-- What a backup holds beside the mirror's own tables (sql/schema.sql). Never in a mirror.

-- One row: whose backup it is.
CREATE TABLE backup (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  gateway TEXT NOT NULL,           -- the panel it was made of
  program TEXT NOT NULL,           -- the version of the program that made it
  made_at INTEGER NOT NULL,        -- by the panel's clock
  clock_floor INTEGER NOT NULL     -- an instant that had certainly passed
) STRICT;

-- The configuration and the files it names, as far as they were asked for.
CREATE TABLE backup_file (
  name TEXT PRIMARY KEY,           -- relative to the configuration's folder
  mode INTEGER NOT NULL,           -- who may read it
  content BLOB NOT NULL
) STRICT, WITHOUT ROWID;
