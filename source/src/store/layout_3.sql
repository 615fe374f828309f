-- From layout 2 to 3: who exports.
CREATE TABLE exporter (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  named TEXT NOT NULL,
  after TEXT,
  claim INTEGER NOT NULL
) STRICT;
