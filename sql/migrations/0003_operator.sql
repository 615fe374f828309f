-- Version 3. Never edited once released; sql/schema.sql says what each table is for.
CREATE TABLE exporter (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  named TEXT,
  after TEXT,
  claim INTEGER NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('idle', 'holds', 'gives')),
  role_claim INTEGER NOT NULL,
  role_to TEXT,
  role_number TEXT,
  sweep INTEGER NOT NULL
) STRICT;
-- Whoever has rows has exported.
INSERT INTO exporter (one, named, claim, role, role_claim, sweep)
  SELECT 1, (SELECT exporter FROM mirror), 0, iif(EXISTS (SELECT 1 FROM ledger), 'holds', 'idle'), 0, 0;
CREATE TABLE stranger (
  user TEXT PRIMARY KEY,
  ext_id TEXT NOT NULL,
  native_id TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE ledger_taken (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  number TEXT NOT NULL UNIQUE
) STRICT;
ALTER TABLE mirror DROP COLUMN exporter;
CREATE TABLE ledger_new (
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
  extra TEXT,
  looked_mono_ms INTEGER,
  cause INTEGER,
  clearance INTEGER NOT NULL,
  card TEXT,
  gone_at INTEGER,
  PRIMARY KEY (user, kind, item)
) STRICT, WITHOUT ROWID;
INSERT INTO ledger_new SELECT user, kind, item, ext_id, native_id, parent, state, prev, sent_hash, acked_hash, until,
  gen, unsettled_until_mono_ms, ours, hold_reason, approved_gen, fails, next_try_mono_ms, check_at_mono_ms,
  NULL, NULL, NULL, 0, NULL, NULL FROM ledger;
DROP TABLE ledger;
ALTER TABLE ledger_new RENAME TO ledger;
CREATE INDEX ledger_not_absent ON ledger (user) WHERE state <> 0;
CREATE INDEX ledger_person ON ledger (user) WHERE kind = 0 AND state = 1;
CREATE INDEX ledger_to_do ON ledger (user) WHERE state = 2 OR fails > 0;
CREATE INDEX ledger_held ON ledger (user) WHERE hold_reason IS NOT NULL;
CREATE INDEX ledger_edit ON ledger (user) WHERE clearance IN (1, 2);
CREATE INDEX ledger_found ON ledger (user) WHERE ours = 0 AND state <> 0;
CREATE INDEX ledger_card ON ledger (card) WHERE card IS NOT NULL AND state <> 0;
CREATE INDEX ledger_gone ON ledger (gone_at) WHERE gone_at IS NOT NULL;
CREATE TABLE pacs_entitlement_new (
  pacs_ref TEXT PRIMARY KEY,
  type TEXT NOT NULL,
  display_name TEXT NOT NULL,
  vanished_at INTEGER,
  missed_at INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO pacs_entitlement_new SELECT pacs_ref, type, display_name, NULL, NULL FROM pacs_entitlement;
DROP TABLE pacs_entitlement;
ALTER TABLE pacs_entitlement_new RENAME TO pacs_entitlement;
DROP TABLE overlay;
CREATE TABLE overlay (
  id INTEGER PRIMARY KEY,
  what TEXT NOT NULL CHECK (what IN ('enrollment', 'revocation')),
  token TEXT NOT NULL,
  user TEXT,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  UNIQUE (what, token)
) STRICT;
CREATE INDEX overlay_user ON overlay (user) WHERE user IS NOT NULL;
CREATE TABLE shared_card (
  user TEXT NOT NULL,
  token TEXT NOT NULL,
  card TEXT NOT NULL,
  holder_user TEXT NOT NULL,
  holder_token TEXT NOT NULL,
  PRIMARY KEY (user, token)
) STRICT, WITHOUT ROWID;
CREATE TABLE due (
  user TEXT PRIMARY KEY,
  mark INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE due_all (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  mark INTEGER NOT NULL,
  walk TEXT,
  walk_mark INTEGER NOT NULL,
  begun INTEGER NOT NULL,
  edges INTEGER NOT NULL,
  basis BLOB NOT NULL
) STRICT;
INSERT INTO due_all (one, mark, walk, walk_mark, begun, edges, basis) VALUES (1, 0, '', 0, 0, 0, x'');
CREATE TABLE brake_log (
  user TEXT PRIMARY KEY,
  mono_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,
  order_text TEXT NOT NULL,
  outcome TEXT NOT NULL
) STRICT;
CREATE TABLE command_seen (
  id TEXT PRIMARY KEY,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
