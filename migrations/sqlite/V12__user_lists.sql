-- What users are listed by besides their id and name, so that a list costs the same however many there are.

-- Each role of each user, as users.roles has it.
CREATE TABLE user_roles (
    role    TEXT NOT NULL,
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    PRIMARY KEY (role, user_id)
) STRICT, WITHOUT ROWID;

-- By trigger, so that whatever writes users.roles keeps it true. A role holds no character that JSON escapes.
CREATE TRIGGER user_roles_of_new AFTER INSERT ON users WHEN NEW.roles <> '' BEGIN
    INSERT OR IGNORE INTO user_roles
        SELECT value, NEW.id FROM json_each('["' || replace(NEW.roles, ' ', '","') || '"]');
END;
CREATE TRIGGER user_roles_of_changed AFTER UPDATE OF roles ON users BEGIN
    DELETE FROM user_roles WHERE user_id = OLD.id
        AND role IN (SELECT value FROM json_each('["' || replace(OLD.roles, ' ', '","') || '"]'));
    INSERT OR IGNORE INTO user_roles
        SELECT value, NEW.id FROM json_each('["' || replace(NEW.roles, ' ', '","') || '"]') WHERE NEW.roles <> '';
END;
CREATE TRIGGER user_roles_of_deleted AFTER DELETE ON users WHEN OLD.roles <> '' BEGIN
    DELETE FROM user_roles WHERE user_id = OLD.id
        AND role IN (SELECT value FROM json_each('["' || replace(OLD.roles, ' ', '","') || '"]'));
END;

INSERT OR IGNORE INTO user_roles
    SELECT value, users.id FROM users, json_each('["' || replace(users.roles, ' ', '","') || '"]')
    WHERE users.roles <> '';

CREATE INDEX users_by_status ON users (status, id);
-- In lower-case ASCII, as it is searched for.
CREATE INDEX users_by_email ON users (lower(email), id) WHERE email IS NOT NULL;
