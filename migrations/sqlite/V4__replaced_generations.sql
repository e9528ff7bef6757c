-- What contract 3 remembers of a session's refresh tokens, and until when its access tokens live. Rows of the
-- version before have none of it: NULL, or 0.

-- When the generations before the last two were replaced, the latest first: 8 bytes each, big-endian.
-- That of the one before the current is confirmed_at: when the current one was first seen in use.
ALTER TABLE sessions ADD COLUMN replaced BLOB;
-- The latest generation that was issued again late, and how many in a row up to it.
ALTER TABLE sessions ADD COLUMN late_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN late_run INTEGER NOT NULL DEFAULT 0;
-- The end of the access token that lives longest: for as long the end of the session refuses them.
ALTER TABLE sessions ADD COLUMN tokens_until INTEGER;
