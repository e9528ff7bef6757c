-- Rights of the nodes where a role of its own owns the tables and runs `keyward migrate`. To be run by that role, in
-- its database, once there is a role keyward_node with a password: CREATE ROLE keyward_node LOGIN PASSWORD '…'
GRANT USAGE ON SCHEMA public TO keyward_node;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO keyward_node;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO keyward_node;
