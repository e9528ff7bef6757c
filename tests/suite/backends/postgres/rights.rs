//! A server whose role may do what a server does, and no more.

use crate::support::{
    outside::{install::Install, nodes::node},
    servers::{postgres::Server, redis},
};

const GRANTS: &str = include_str!("../../../../deploy/postgres/grants.sql");

#[test]
fn the_page_quotes_the_grants() {
    let page = crate::pages::examples::page("operating.md");
    let start = page.find("```sql\n").expect("the grants") + "```sql\n".len();
    let length = page[start..].find("```").expect("their end");
    let statements = GRANTS.lines().filter(|line| !line.starts_with("--"));
    assert_eq!(page[start..start + length].lines().collect::<Vec<_>>(), statements.collect::<Vec<_>>());
}

struct Stage {
    redis: redis::Server,
    server: Server,
    url: String,
}

impl Stage {
    fn new() -> Self {
        Self {
            redis: redis::Server::start(&["--appendonly", "yes"]),
            server: Server::start(),
            url: String::new(),
        }
        .with_database()
    }

    fn with_database(mut self) -> Self {
        self.url = self.server.database();
        // Before version 15 everybody might make tables in it.
        self.sql("REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE ROLE keyward_node LOGIN");
        self
    }

    fn sql(&self, statements: &str) {
        self.server.sql(self.url.rsplit('/').next().expect("a name"), statements);
    }

    /// A node by the owner's role.
    fn as_owner(&self) -> Install {
        node(&self.redis, &self.url)
    }

    /// A node by the role that is granted its rights.
    fn as_app(&self) -> Install {
        node(&self.redis, &self.url.replace("postgres://postgres@", "postgres://keyward_node@"))
    }
}

#[tokio::test]
async fn a_role_with_rights_on_the_data_alone_serves_once_the_owner_has_migrated() {
    let stage = Stage::new();
    let app = stage.as_app();
    for rights in ["SELECT 1", "GRANT USAGE ON SCHEMA public TO keyward_node"] {
        stage.sql(rights);
        let refused = app.run(&["serve"]);
        assert_eq!((refused.code, refused.stderr.lines().count()), (Some(1), 1), "{refused:?}");
        assert!(
            refused.stderr.contains("keyward migrate") && refused.stderr.contains("owner"),
            "{refused:?}"
        );
    }

    stage.as_owner().migrate();
    stage.sql(GRANTS);
    let server = app.start().await;
    let admin = server.admin().await.refreshed().await;
    assert_eq!(admin.check().await.status, 200);
    app.add_user("alice", "correct horse battery", &[]);
    app.good(&["app", "add", "web"]);
    app.good(&["app", "remove", "web"]);
    app.good(&["user", "delete", "alice"]);
    app.good(&["key", "new-secret"]);
    let doctor = app.run(&["doctor"]);
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
}

#[tokio::test]
async fn the_doctor_says_which_rights_a_role_lacks() {
    let stage = Stage::new();
    let app = stage.as_app();
    let doctor = app.run(&["doctor"]);
    assert!(doctor.code == Some(1) && doctor.stdout.contains("keyward migrate"), "{doctor:?}");
    stage.as_owner().migrate();
    stage.sql(GRANTS);
    stage.sql("REVOKE UPDATE, DELETE ON users FROM keyward_node; REVOKE SELECT ON refinery_schema_history FROM keyward_node");
    let doctor = app.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    for line in ["GRANT DELETE, UPDATE ON users", "GRANT SELECT ON refinery_schema_history"] {
        assert!(doctor.stdout.contains(line), "{line} in {doctor:?}");
    }
}

#[test]
fn an_empty_database_is_filled_by_serve_and_migrate_alone() {
    let stage = Stage::new();
    let owner = stage.as_owner();
    for arguments in [&["user", "list"][..], &["app", "list"], &["key", "new-secret"]] {
        let refused = owner.run(arguments);
        assert!(
            refused.code == Some(1) && refused.stderr.contains("no database at postgres://"),
            "{refused:?}"
        );
    }
    owner.migrate();
    assert_eq!(owner.run(&["user", "list"]).code, Some(0));
}

#[tokio::test]
async fn the_doctor_finds_a_database_of_a_later_version() {
    let stage = Stage::new();
    stage.as_owner().migrate();
    stage.sql("INSERT INTO refinery_schema_history VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')");
    let doctor = stage.as_owner().run(&["doctor"]);
    assert!(doctor.code == Some(1) && doctor.stdout.contains("V999__later"), "{doctor:?}");
    let start = stage.as_owner().run(&["serve"]);
    assert!(start.code == Some(1) && start.stderr.contains("later version"), "{start:?}");
}
