-- Mail that is to go out. No secret is in it: a link is made when it is sent, and who is to have it is looked up then.

CREATE TABLE mails (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind       TEXT NOT NULL,
    -- Whom it is about: a name or an address as it was typed, or a user.
    identifier TEXT,
    user_id    BLOB CHECK (length(user_id) = 16),
    -- Where to, unless it goes to the address that the user has then.
    address    TEXT,
    -- The change of the address that it is about.
    version    INTEGER,
    app        TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- It is of no use later.
    until      INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    -- It is not tried any more, until an operator says so.
    is_dead    INTEGER NOT NULL CHECK (is_dead IN (0, 1)),
    failure    TEXT,
    CHECK (identifier IS NOT NULL OR user_id IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX mails_due ON mails (due_at) WHERE is_dead = 0;
CREATE INDEX mails_dead ON mails (id) WHERE is_dead = 1;
