-- Version 4. Never edited once released; sql/schema.sql says what each table is for.
CREATE TABLE card (
  token INTEGER NOT NULL,
  uid BLOB NOT NULL,
  PRIMARY KEY (token, uid)
) STRICT, WITHOUT ROWID;
-- What the disk has made unreadable gives no card; the scrub finds it.
INSERT OR IGNORE INTO card (token, uid)
  SELECT t.id, unhex(iif(i.type = 'object', json_extract(i.value, '$.hex'), NULL))
  FROM token t JOIN record r ON r.id = t.id, json_each(iif(json_valid(r.body), r.body, '{}'), '$.identifiers') i
  WHERE r.refused IS NULL;
CREATE INDEX card_uid ON card (uid);
CREATE INDEX name_door ON name (key) WHERE kind = 6;
DROP INDEX assignment_user;
CREATE INDEX assignment_user ON assignment (user, entitlement);
