-- Version 5. Never edited once released; sql/schema.sql says what each table is for.
ALTER TABLE mirror ADD COLUMN proven_at INTEGER;
-- Whatever waits may have been sent.
ALTER TABLE outbox ADD COLUMN sent_seq INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET sent_seq = next_seq - 1;
CREATE TABLE event_new (
  id INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  gives_way INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
INSERT INTO event_new (id, seq, at, gives_way, body) SELECT seq, seq, at, 0, body FROM event;
DROP TABLE event;
ALTER TABLE event_new RENAME TO event;
CREATE INDEX event_seq ON event (seq);
CREATE INDEX event_gives_way ON event (gives_way, seq) WHERE gives_way > 0;
CREATE TABLE lockdown (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  exempt TEXT NOT NULL,
  who TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE TABLE unlocked (
  door TEXT PRIMARY KEY,
  until INTEGER NOT NULL,
  who TEXT NOT NULL
) STRICT, WITHOUT ROWID;
