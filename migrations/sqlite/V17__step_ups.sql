-- When a session's owner showed the first and the last of what `proved` says; NULL = at the sign-in.

ALTER TABLE sessions ADD COLUMN proved_since INTEGER;
ALTER TABLE sessions ADD COLUMN proved_at INTEGER;
