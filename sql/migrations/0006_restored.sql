-- Version 6. Never edited once released; sql/schema.sql says what each column is for.
ALTER TABLE mirror ADD COLUMN restored INTEGER NOT NULL DEFAULT 0;
