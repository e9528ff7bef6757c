-- The thumbprint (RFC 7638) of the key that a session is bound to; NULL = none.

ALTER TABLE sessions ADD COLUMN bound_to BLOB;
