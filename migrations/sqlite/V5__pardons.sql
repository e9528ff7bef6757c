-- How often the failed sign-ins of an account were forgiven. The number is part of what they are counted
-- under, so that one more makes all of them begin anew, wherever they are counted.

ALTER TABLE users ADD COLUMN pardons INTEGER NOT NULL DEFAULT 0;
