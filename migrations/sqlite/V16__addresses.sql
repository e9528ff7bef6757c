-- A verified address is one user's alone, whatever the case of its letters, and signs in as the name does.

-- Nobody was kept from giving one address to several until now: the oldest account keeps it as verified. One that is
-- not all ASCII has another form from now on, and is to be confirmed once more.
UPDATE users SET email_verified = 0 WHERE email_verified = 1 AND (
    email IS NULL OR email GLOB '*[^ -~]*' OR EXISTS (
        SELECT 1 FROM users AS older WHERE older.email_verified = 1 AND lower(older.email) = lower(users.email)
            AND older.id < users.id));

CREATE UNIQUE INDEX users_by_verified_email ON users (lower(email)) WHERE email_verified = 1;

-- What is under way with somebody's address.
CREATE TABLE email_changes (
    user_id       BLOB NOT NULL PRIMARY KEY CHECK (length(user_id) = 16),
    -- One more with each change, and with each that is asked for: a link is good for one number alone.
    version       INTEGER NOT NULL,
    -- Not theirs yet.
    pending       TEXT,
    pending_until INTEGER,
    -- The account was made with this address, and is to be let in once that is confirmed.
    opens         INTEGER NOT NULL DEFAULT 0 CHECK (opens IN (0, 1)),
    -- What was changed up to this number can no longer be undone by a link.
    settled       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TRIGGER email_changes_of_deleted AFTER DELETE ON users BEGIN
    DELETE FROM email_changes WHERE user_id = OLD.id;
END;
