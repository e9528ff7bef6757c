-- What users are listed by besides their id and name, so that a list costs the same however many there are.

-- Each role of each user, as users.roles has it.
CREATE TABLE user_roles (
    role    text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (role, user_id)
);

-- By trigger, so that whatever writes users.roles keeps it true, a node of an earlier version too.
CREATE FUNCTION keep_user_roles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM user_roles WHERE user_id = OLD.id AND role = ANY (OLD.roles);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO user_roles SELECT DISTINCT given, NEW.id FROM unnest(NEW.roles) AS given;
    END IF;
    RETURN NULL;
END
$$;

-- Before the rows are taken over: what is written from here on waits until that is done.
CREATE TRIGGER keep_user_roles AFTER INSERT OR DELETE OR UPDATE OF roles ON users
    FOR EACH ROW EXECUTE FUNCTION keep_user_roles();

INSERT INTO user_roles SELECT DISTINCT given, id FROM users, unnest(roles) AS given;

CREATE INDEX users_by_status ON users (status, id);
-- In lower-case ASCII, as it is searched for.
CREATE INDEX users_by_email ON users (lower(email COLLATE "C"), id) WHERE email IS NOT NULL;
