-- A hash of what was drawn for a session's tokens at its sign-in: without it, whoever has the secret could make
-- them. Sessions opened by the version before have none.

ALTER TABLE sessions ADD COLUMN nonce_hash BLOB;
