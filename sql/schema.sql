-- The mirror, version 6: the commented truth. A fresh file is made from this page; an older one reaches the
-- same schema by the numbered migrations (a test compares the two).
--
-- Instants are seconds since 1970, UTC. A version is the pair (epoch, seq). Times named mono_ms are
-- monotonic and mean nothing after a restart; they are re-armed at start.

-- One row: where the mirror stands.
CREATE TABLE mirror (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  site TEXT NOT NULL,              -- the site this file belongs to; another one's is refused
  head_epoch INTEGER NOT NULL,     -- highest version heard, in a change or in an answer
  head_seq INTEGER NOT NULL,
  floor_epoch INTEGER NOT NULL,    -- last version at which the roots were equal
  floor_seq INTEGER NOT NULL,
  root BLOB NOT NULL,              -- 16 bytes, the sum of record.digest modulo 2^128
  out_of_sync TEXT,                -- why the newest checkpoint did not prove the mirror; NULL when it did
  parts BLOB NOT NULL,             -- 64 digests: the root by the leading 6 bits of record.id, to find damage by
  heard_epoch INTEGER NOT NULL,    -- the newest root that was compared, and its version
  heard_seq INTEGER NOT NULL,
  heard_root BLOB NOT NULL,
  whole INTEGER NOT NULL,          -- 1 once the mirror has been proven: what is missing is gone, not still to come
  proven_at INTEGER,               -- when it was last proven, by a clock that was believed
  restored INTEGER NOT NULL DEFAULT 0 -- from a restored backup to the next proof: 1, or 2 where doors open all the same
) STRICT;

-- Kinds by number; 1 to 6 are this version's, higher ones a later version's, kept because the root has them.
CREATE TABLE kind (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO kind (id, name) VALUES
  (1, 'user'), (2, 'token'), (3, 'entitlement'), (4, 'assignment'), (5, 'schedule'), (6, 'door');

-- The source's string ids. The integer of a key is the leading 63 bits of the SHA-256 of kind/key: a bucket of
-- the contract is a range of ids, and a first sync fills the tables in their order. A key has a name for as
-- long as it has a record or a tombstone; what only refers to it needs none.
CREATE TABLE name (
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  key TEXT NOT NULL
) STRICT;
CREATE INDEX name_user ON name (key) WHERE kind = 1;
CREATE INDEX name_door ON name (key) WHERE kind = 6;

-- What the source holds, key by key. Updated in place: a change of a user dirties one page.
CREATE TABLE record (
  id INTEGER PRIMARY KEY,          -- the name's
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  digest BLOB NOT NULL,            -- 16 bytes, as summed into mirror.root
  refused TEXT,                    -- why it grants nothing; NULL when it is in force
  body TEXT NOT NULL               -- canonical JSON; of a refused record the text as it was sent
) STRICT;

-- Refused records are few and asked for often.
CREATE INDEX record_refused ON record (id) WHERE refused IS NOT NULL;

-- Deleted keys until the next proof, so that an older message does not bring them back.
CREATE TABLE tombstone (
  id INTEGER PRIMARY KEY,          -- the name's
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL
) STRICT;

-- Buckets that were equal to the source's at a version, since the last proof: what is at or below it is old
-- news there. A key may lie in buckets of several divisions.
CREATE TABLE bucket (
  bits INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (bits, bucket)
) STRICT, WITHOUT ROWID;

-- Records that a full disk has suspended: the next proof brings those back whose successor never came.
CREATE TABLE suspended (
  id INTEGER PRIMARY KEY           -- the record's
) STRICT;

-- Links out of records in force: who holds what, and when windows open and close. What they lead to may have
-- no record.
CREATE TABLE token (
  id INTEGER PRIMARY KEY,
  user INTEGER,
  valid_from INTEGER,
  valid_to INTEGER
) STRICT;
CREATE INDEX token_user ON token (user);
CREATE INDEX token_valid_from ON token (valid_from) WHERE valid_from IS NOT NULL;
CREATE INDEX token_valid_to ON token (valid_to) WHERE valid_to IS NOT NULL;

-- The bytes by which readers know a token, so that a card is found by them: of records in force, as with links. What
-- technology they belong to is asked of the record.
CREATE TABLE card (
  token INTEGER NOT NULL,          -- the token's record
  uid BLOB NOT NULL,               -- raw bytes, as the card sends them
  PRIMARY KEY (token, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX card_uid ON card (uid);

-- What a user has is asked at each door for those entitlements that open it.
CREATE TABLE assignment (
  id INTEGER PRIMARY KEY,
  user INTEGER NOT NULL,
  entitlement INTEGER NOT NULL,
  valid_from INTEGER,
  valid_to INTEGER
) STRICT;
CREATE INDEX assignment_user ON assignment (user, entitlement);
CREATE INDEX assignment_entitlement ON assignment (entitlement);
CREATE INDEX assignment_valid_from ON assignment (valid_from) WHERE valid_from IS NOT NULL;
CREATE INDEX assignment_valid_to ON assignment (valid_to) WHERE valid_to IS NOT NULL;

-- Messages, or changes in them, without a valid envelope. Bounded: the oldest give way.
CREATE TABLE refused_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  topic TEXT NOT NULL,
  bytes INTEGER NOT NULL,          -- size of the whole message
  head BLOB NOT NULL,              -- its first bytes
  reason TEXT NOT NULL
) STRICT;

-- Local rows that the source has not confirmed; outside the root.
CREATE TABLE overlay (
  id INTEGER PRIMARY KEY,
  what TEXT NOT NULL CHECK (what IN ('enrollment', 'revocation')),
  token TEXT NOT NULL,             -- the token's key
  user TEXT,                       -- who is to hold it, of an enrollment
  body TEXT NOT NULL,              -- JSON: a token's record, of an enrollment; who revoked it
  created_at INTEGER NOT NULL,
  expires_at INTEGER,              -- a pending enrollment's; a local revocation stands until it is settled
  UNIQUE (what, token)
) STRICT;
CREATE INDEX overlay_user ON overlay (user) WHERE user IS NOT NULL;

-- What happened at the panel: kept until the source has it, and for those who ask here a while longer. Bounded: what
-- the source has goes first, then those who passed a door, and others last; room is reserved for what matters most.
CREATE TABLE outbox (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  stream TEXT NOT NULL,            -- drawn when the file is made
  next_seq INTEGER NOT NULL,
  received_seq INTEGER NOT NULL,   -- the source has everything up to here
  lost INTEGER NOT NULL,           -- dropped because there was no room
  sent_seq INTEGER NOT NULL DEFAULT 0 -- up to here they may have been sent: their numbers stand
) STRICT;
CREATE TABLE event (
  id INTEGER PRIMARY KEY,          -- by which people name it
  seq INTEGER NOT NULL,            -- by which the source knows it; those never sent move up when others give way
  at INTEGER NOT NULL,
  gives_way INTEGER NOT NULL,      -- 0 never, 1 first: somebody might pass, 2 after those: anything else at a door
  body TEXT NOT NULL               -- JSON of contract::messages::Event
) STRICT;
CREATE INDEX event_seq ON event (seq);
CREATE INDEX event_gives_way ON event (gives_way, seq) WHERE gives_way > 0;

-- Nobody passes any more, but by entitlements of some classes; no row when there is no lockdown.
CREATE TABLE lockdown (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  exempt TEXT NOT NULL,            -- JSON, a list of those classes
  who TEXT NOT NULL,               -- who has ordered it
  at INTEGER NOT NULL
) STRICT;

-- Doors that are open to everyone for a time.
CREATE TABLE unlocked (
  door TEXT PRIMARY KEY,           -- the door's key
  until INTEGER NOT NULL,
  who TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Entitlements as the PACS defines them, from the last import that was believed; and those that it defines no
-- longer while an assignment names them.
CREATE TABLE pacs_entitlement (
  pacs_ref TEXT PRIMARY KEY,
  type TEXT NOT NULL,
  display_name TEXT NOT NULL,
  vanished_at INTEGER,             -- since when it is no longer defined: its permissions are held
  missed_at INTEGER                -- an import that looked like an accident missed it then; a later one decides
) STRICT, WITHOUT ROWID;

-- What the PACS last acknowledged, and what it may have done since: one row an item.
-- The rules that move these rows are in src/export/item.rs.
CREATE TABLE ledger (
  user TEXT NOT NULL,              -- the user's key
  kind INTEGER NOT NULL,           -- 0 person, 1 credential, 2 permission
  item TEXT NOT NULL,              -- '' for the person, the token's key, the entitlement's pacs_ref
  ext_id TEXT NOT NULL,            -- how the PACS finds it by our name
  native_id TEXT,                  -- how the PACS calls it
  parent TEXT,                     -- how the person was addressed when it was last created under it
  state INTEGER NOT NULL,          -- 0 absent, 1 present, 2 maybe
  prev INTEGER NOT NULL,           -- state before the attempt; 0 beside 2: a removal was acknowledged, too early
  sent_hash BLOB,                  -- of the content that the last attempt wanted; NULL when it was to go
  acked_hash BLOB,                 -- of the content last acknowledged
  until INTEGER,                   -- its window's end when sent
  gen INTEGER NOT NULL,            -- counts attempts
  unsettled_until_mono_ms INTEGER, -- a lost request may still run until then
  ours INTEGER NOT NULL,           -- 1 when we made it, 0 when it was found
  hold_reason TEXT,                -- the PACS's own words, when it refused
  approved_gen INTEGER,
  fails INTEGER NOT NULL,
  next_try_mono_ms INTEGER,
  check_at_mono_ms INTEGER,
  extra TEXT,                      -- how the PACS calls another of the same name, which is to go
  looked_mono_ms INTEGER,          -- when the PACS last showed that it has it, or that it has not
  cause INTEGER,                   -- of its removal, fixed when that was planned: 1 status, 2 time, 3 edit
  clearance INTEGER NOT NULL,      -- of a removal by edit: 0 none needed, 1 not judged yet, 2 held, 3 given
  card TEXT,                       -- a credential's card number, as last sent
  gone_at INTEGER,                 -- since when it is absent: remembered, since a restored PACS brings it back
  PRIMARY KEY (user, kind, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_not_absent ON ledger (user) WHERE state <> 0;
CREATE INDEX ledger_person ON ledger (user) WHERE kind = 0 AND state = 1;
CREATE INDEX ledger_to_do ON ledger (user) WHERE state = 2 OR fails > 0;
CREATE INDEX ledger_held ON ledger (user) WHERE hold_reason IS NOT NULL;
CREATE INDEX ledger_edit ON ledger (user) WHERE clearance IN (1, 2);
CREATE INDEX ledger_found ON ledger (user) WHERE ours = 0 AND state <> 0;
CREATE INDEX ledger_card ON ledger (card) WHERE card IS NOT NULL AND state <> 0;
CREATE INDEX ledger_gone ON ledger (gone_at) WHERE gone_at IS NOT NULL;

-- Tokens whose card number is another token's in the PACS: held until that one gives it up.
CREATE TABLE shared_card (
  user TEXT NOT NULL,
  token TEXT NOT NULL,             -- the token's key
  card TEXT NOT NULL,              -- the number as the PACS would have it
  holder_user TEXT NOT NULL,       -- who has it
  holder_token TEXT NOT NULL,
  PRIMARY KEY (user, token)
) STRICT, WITHOUT ROWID;

-- Users whose export is to be looked at: whoever was touched, and has not been found as the rules say since. Everyone
-- else was looked at by a trusted clock and a whole mirror, with nothing left to do.
CREATE TABLE due (
  user TEXT PRIMARY KEY,           -- the user's key
  mark INTEGER NOT NULL            -- another one whenever it is touched: a look at what was before takes nobody off
) STRICT, WITHOUT ROWID;
CREATE TABLE due_all (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  mark INTEGER NOT NULL,           -- the last one given
  walk TEXT,                       -- whoever comes after this key is due as well; NULL when nobody else is
  walk_mark INTEGER NOT NULL,      -- given when everyone became due
  begun INTEGER NOT NULL,          -- 0 while everyone is due and nobody looks: who is touched then needs no row
  edges INTEGER NOT NULL,          -- users whose windows have opened or closed up to here were looked at, or are due
  basis BLOB NOT NULL              -- names the settings and the program by which they were looked at
) STRICT;
INSERT INTO due_all (one, mark, walk, walk_mark, begun, edges, basis) VALUES (1, 0, '', 0, 0, 0, x'');

-- Who exports, as the source last said, and what this gateway is to the export: src/export/hand_over.rs has the rules.
CREATE TABLE exporter (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  named TEXT,                      -- the gateway that exports
  after TEXT,                      -- the one that it takes over from; NULL when it was named without a hand-over
  claim INTEGER NOT NULL,          -- counts namings without a hand-over
  role TEXT NOT NULL CHECK (role IN ('idle', 'holds', 'gives')),
  role_claim INTEGER NOT NULL,     -- by which claim the ledger is held or given
  role_to TEXT,                    -- to whom it is given
  role_number TEXT,                -- and in which hand-over
  sweep INTEGER NOT NULL           -- 1 until the PACS was searched for persons of an exporter whose ledger is not here
) STRICT;
INSERT INTO exporter (one, claim, role, role_claim, sweep) VALUES (1, 0, 'idle', 0, 0);

-- Persons in the PACS under our prefix that the ledger does not know and that are not wanted either: somebody else's,
-- or of an exporter whose ledger was lost. Bounded; found anew in each search.
CREATE TABLE stranger (
  user TEXT PRIMARY KEY,           -- the user's key that follows from its name
  ext_id TEXT NOT NULL,
  native_id TEXT
) STRICT, WITHOUT ROWID;

-- Hand-overs in which this gateway has taken the ledger. Bounded: the oldest give way.
CREATE TABLE ledger_taken (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  number TEXT NOT NULL UNIQUE
) STRICT;

-- Persons that edits at the source have taken out of the PACS, or some of their items, in the last 24 hours
-- and without an approval: what the brake counts.
CREATE TABLE brake_log (
  user TEXT PRIMARY KEY,
  mono_at_ms INTEGER NOT NULL      -- when; after a restart at most the time since then, so never too old
) STRICT, WITHOUT ROWID;

-- What people, or the source on their behalf, have ordered. Bounded: the oldest give way.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,               -- uid, gid and pid of a local process, or the command's id
  order_text TEXT NOT NULL,        -- what was ordered
  outcome TEXT NOT NULL            -- what came of it
) STRICT;

-- Commands of the source that were carried out, until they would have expired anyway.
CREATE TABLE command_seen (
  id TEXT PRIMARY KEY,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
