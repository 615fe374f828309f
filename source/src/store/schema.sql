-- The source, layout 3: the commented truth. Instants are seconds since 1970, UTC.
-- A version is the pair (epoch, seq).

-- One row: where the stream stands.
CREATE TABLE source (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  site TEXT,                       -- the site this file belongs to, once it was served; another one is refused
  epoch INTEGER NOT NULL,          -- never used before by any start
  seq INTEGER NOT NULL,            -- last message within it
  root BLOB NOT NULL,              -- 16 bytes, the sum of record.digest modulo 2^128
  bits INTEGER NOT NULL DEFAULT 0  -- how keys are divided into buckets for repair, 0 to 16
) STRICT;

-- What every gateway should hold, in the order of buckets, so that one is read from neighbouring pages.
CREATE TABLE record (
  place INTEGER NOT NULL,          -- leading 63 bits of the SHA-256 of kind/key
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  epoch INTEGER NOT NULL,          -- version of its last change
  seq INTEGER NOT NULL,
  body TEXT NOT NULL,              -- canonical JSON
  digest BLOB NOT NULL,            -- 16 bytes
  PRIMARY KEY (place, kind, key)
) STRICT, WITHOUT ROWID;

-- The finest buckets that are not empty; a coarser one is the sum of its neighbours. Kept with the records, so
-- that digests and sizes of all buckets cost no look at the records.
CREATE TABLE bucket (
  place INTEGER PRIMARY KEY,       -- leading 16 bits of record.place
  digest BLOB NOT NULL,            -- 16 bytes, the sum of record.digest modulo 2^128
  bytes INTEGER NOT NULL           -- what its records take in a message, at most
) STRICT;

-- Messages that the broker has not acknowledged, in the order of publishing. Ids are never used again, so
-- that a reader may keep its place by them.
CREATE TABLE outgoing (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch INTEGER NOT NULL,          -- as numbered at first, also when a later epoch publishes it
  seq INTEGER NOT NULL,
  is_checkpoint INTEGER NOT NULL,  -- 1 when it changes nothing: the next one replaces it
  payload BLOB NOT NULL            -- the message as published
) STRICT;
CREATE INDEX outgoing_checkpoint ON outgoing (is_checkpoint, id);

-- How far each event stream has come. A gateway with an empty disk starts another stream.
CREATE TABLE stream (
  gateway TEXT NOT NULL,
  stream TEXT NOT NULL,
  last_seq INTEGER NOT NULL,       -- everything up to here is stored
  gap_seq INTEGER,                 -- first event seen beyond a gap, until the gateway repeats itself
  PRIMARY KEY (gateway, stream)
) STRICT, WITHOUT ROWID;

-- Events as received. Bounded: the oldest give way.
CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  gateway TEXT NOT NULL,
  stream TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,             -- by the panel's clock
  received_at INTEGER NOT NULL,    -- by ours
  body TEXT NOT NULL,              -- JSON, also of events that this version does not know
  UNIQUE (gateway, stream, seq)
) STRICT;

-- What each gateway last said of itself.
CREATE TABLE gateway (
  gateway TEXT PRIMARY KEY,
  received_at INTEGER NOT NULL,
  state TEXT NOT NULL              -- JSON
) STRICT, WITHOUT ROWID;

-- Commands that the broker has not acknowledged. Bounded, and each expires.
CREATE TABLE command (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  gateway TEXT NOT NULL,
  expires INTEGER NOT NULL,        -- after this it is not sent any more
  payload BLOB NOT NULL            -- the message as published
) STRICT;

-- Who exports, as gateways are told; no row before somebody was named.
CREATE TABLE exporter (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  named TEXT NOT NULL,             -- the gateway's id
  after TEXT,                      -- the one that it takes over from; NULL when it was named without a hand-over
  claim INTEGER NOT NULL           -- of the last naming without a hand-over; never used before
) STRICT;
