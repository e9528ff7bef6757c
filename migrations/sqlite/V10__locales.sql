-- The language that a user is written to in: a language tag (BCP 47); NULL = none is known.
ALTER TABLE users ADD COLUMN locale TEXT;
