-- What an operator decided for one app: a flat JSON object. `v` is its version. A member that a server does
-- not know is kept when it changes others; one that it must not pass over comes with a higher `v`, upon which
-- it cannot read the app.
ALTER TABLE apps ADD COLUMN policy TEXT NOT NULL DEFAULT '{"v":1}';

-- Background work that one process at a time does, a row each.
CREATE TABLE leases (
    work   TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    -- Anybody may take it from then on.
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- In the table installation from now on also `sealing_key`: the name of the youngest key of
-- keys/sealing.secret that any node seals with. A node that lacks it does not start.
