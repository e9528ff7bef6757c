-- A verified address is one user's alone, whatever the case of its letters, and signs in as the name does.

-- Nobody was kept from giving one address to several until now: the oldest account keeps it as verified. One that is
-- not all ASCII has another form from now on, and is to be confirmed once more.
UPDATE users SET email_verified = false WHERE email_verified AND (
    email IS NULL OR octet_length(email) <> char_length(email) OR EXISTS (
        SELECT FROM users AS older WHERE older.email_verified
            AND lower(older.email COLLATE "C") = lower(users.email COLLATE "C") AND older.id < users.id));

CREATE UNIQUE INDEX users_by_verified_email ON users (lower(email COLLATE "C")) WHERE email_verified;

-- What is under way with somebody's address.
CREATE TABLE email_changes (
    user_id       uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- One more with each change, and with each that is asked for: a link is good for one number alone.
    version       bigint NOT NULL,
    -- Not theirs yet.
    pending       text,
    pending_until bigint,
    -- The account was made with this address, and is to be let in once that is confirmed.
    opens         boolean NOT NULL DEFAULT false,
    -- What was changed up to this number can no longer be undone by a link.
    settled       bigint NOT NULL DEFAULT 0
);
