-- Version 1. Never edited once released; sql/schema.sql says what each table is for.
CREATE TABLE mirror (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  site TEXT NOT NULL,
  head_epoch INTEGER NOT NULL,
  head_seq INTEGER NOT NULL,
  floor_epoch INTEGER NOT NULL,
  floor_seq INTEGER NOT NULL,
  root BLOB NOT NULL,
  out_of_sync TEXT,
  exporter TEXT
) STRICT;
CREATE TABLE kind (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO kind (id, name) VALUES
  (1, 'user'), (2, 'token'), (3, 'entitlement'), (4, 'assignment'), (5, 'schedule'), (6, 'door');
CREATE TABLE name (
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL REFERENCES kind (id),
  key TEXT NOT NULL,
  UNIQUE (kind, key)
) STRICT;
CREATE TABLE record (
  id INTEGER PRIMARY KEY REFERENCES name (id),
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  digest BLOB NOT NULL,
  refused TEXT,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX record_refused ON record (id) WHERE refused IS NOT NULL;
CREATE TABLE tombstone (
  id INTEGER PRIMARY KEY REFERENCES name (id),
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL
) STRICT;
CREATE TABLE token (
  id INTEGER PRIMARY KEY REFERENCES name (id),
  user INTEGER REFERENCES name (id),
  valid_from INTEGER,
  valid_to INTEGER
) STRICT;
CREATE INDEX token_user ON token (user);
CREATE INDEX token_valid_from ON token (valid_from) WHERE valid_from IS NOT NULL;
CREATE INDEX token_valid_to ON token (valid_to) WHERE valid_to IS NOT NULL;
CREATE TABLE assignment (
  id INTEGER PRIMARY KEY REFERENCES name (id),
  user INTEGER NOT NULL REFERENCES name (id),
  entitlement INTEGER NOT NULL REFERENCES name (id),
  valid_from INTEGER,
  valid_to INTEGER
) STRICT;
CREATE INDEX assignment_user ON assignment (user);
CREATE INDEX assignment_entitlement ON assignment (entitlement);
CREATE INDEX assignment_valid_from ON assignment (valid_from) WHERE valid_from IS NOT NULL;
CREATE INDEX assignment_valid_to ON assignment (valid_to) WHERE valid_to IS NOT NULL;
CREATE TABLE refused_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  topic TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  head BLOB NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE TABLE overlay (
  id INTEGER PRIMARY KEY,
  what TEXT NOT NULL CHECK (what IN ('enrollment', 'revocation')),
  token TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  UNIQUE (what, token)
) STRICT;
CREATE TABLE outbox (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  stream TEXT NOT NULL,
  next_seq INTEGER NOT NULL,
  received_seq INTEGER NOT NULL,
  lost INTEGER NOT NULL
) STRICT;
CREATE TABLE event (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE TABLE pacs_entitlement (
  pacs_ref TEXT PRIMARY KEY,
  type TEXT NOT NULL,
  display_name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE ledger (
  user TEXT NOT NULL,
  kind INTEGER NOT NULL,
  item TEXT NOT NULL,
  ext_id TEXT NOT NULL,
  native_id TEXT,
  parent TEXT,
  state INTEGER NOT NULL,
  prev INTEGER NOT NULL,
  sent_hash BLOB,
  acked_hash BLOB,
  until INTEGER,
  gen INTEGER NOT NULL,
  unsettled_until_mono_ms INTEGER,
  ours INTEGER NOT NULL,
  hold_reason TEXT,
  approved_gen INTEGER,
  fails INTEGER NOT NULL,
  next_try_mono_ms INTEGER,
  check_at_mono_ms INTEGER,
  PRIMARY KEY (user, kind, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_not_absent ON ledger (user) WHERE state <> 0;
CREATE INDEX ledger_person ON ledger (user) WHERE kind = 0 AND state = 1;
CREATE INDEX ledger_to_do ON ledger (user) WHERE state = 2 OR fails > 0;
CREATE INDEX ledger_held ON ledger (user) WHERE hold_reason IS NOT NULL;
