-- Mail that is to go out. No secret is in it: a link is made when it is sent, and who is to have it is looked up then.

CREATE TABLE mails (
    id         uuid PRIMARY KEY,
    kind       text COLLATE "C" NOT NULL,
    -- Whom it is about: a name or an address as it was typed, or a user.
    identifier text,
    user_id    uuid,
    -- Where to, unless it goes to the address that the user has then.
    address    text,
    -- The change of the address that it is about.
    version    bigint,
    app        text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    -- It is of no use later.
    until      bigint NOT NULL,
    due_at     bigint NOT NULL,
    attempts   bigint NOT NULL,
    -- It is not tried any more, until an operator says so.
    is_dead    boolean NOT NULL,
    failure    text,
    CHECK (identifier IS NOT NULL OR user_id IS NOT NULL)
);

CREATE INDEX mails_due ON mails (due_at) WHERE NOT is_dead;
CREATE INDEX mails_dead ON mails (id) WHERE is_dead;
