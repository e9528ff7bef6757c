//! `keyward user import` and `export`: files as they are meant, and as nobody should write them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::outside::install::{Install, Outcome};

const BCRYPT: &str = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
const HEADER: &str = "username,email,email_verified,password_hash,roles,status,locale,created_at,id";

/// A folder with a database.
fn install() -> Install {
    let install = Install::new();
    install.migrate();
    install
}

fn import(install: &Install, text: impl AsRef<[u8]>, more: &[&str]) -> Outcome {
    fs::write(install.path("users"), text).expect("written");
    install.run(&[&["user", "import", "users"], more].concat())
}

/// Made, there, and the refused rows.
fn told(outcome: &Outcome) -> (u64, u64, Vec<(u64, String)>) {
    let said: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
    let refused = said["refused"].as_array().expect("a list").iter();
    let refused: Vec<_> = refused
        .map(|row| (row["line"].as_u64().expect("a line"), row["why"].as_str().expect("a reason").to_owned()))
        .collect();
    assert_eq!(outcome.code, Some(i32::from(!refused.is_empty())), "{outcome:?}");
    (said["made"].as_u64().expect("a count"), said["there"].as_u64().expect("a count"), refused)
}

#[track_caller]
fn refuses(text: impl AsRef<[u8]>, expected: &[(u64, &str)], made: u64) {
    let install = install();
    let outcome = import(&install, text, &["--json"]);
    let (were_made, _, refused) = told(&outcome);
    let lines = |rows: &[(u64, String)]| rows.iter().map(|row| row.0).collect::<Vec<_>>();
    assert_eq!(lines(&refused), expected.iter().map(|row| row.0).collect::<Vec<_>>(), "{outcome:?}");
    for ((_, why), (line, wanted)) in refused.iter().zip(expected) {
        assert!(why.contains(wanted), "line {line}: {why}");
    }
    assert_eq!(were_made, made, "{outcome:?}");
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!said.contains("R9h/cIPz0gi") && !said.contains("swordfish"), "{said}");
}

fn names(install: &Install) -> Vec<String> {
    let lines = install.good(&["user", "export"]);
    let name = |line: &str| {
        serde_json::from_str::<Value>(line).expect("an object")["username"].as_str().map(str::to_owned)
    };
    lines.lines().map(|line| name(line).expect("a name")).collect()
}

#[test]
fn each_row_that_is_refused_is_told_with_its_line_and_the_others_go_in() {
    let rows = [
        HEADER,
        &format!("alice,alice@example.com,true,{BCRYPT},seller ops,active,de,2020-01-02T03:04:05Z,"),
        "bob,nowhere,,,,,,,",
        "carol,,,swordfish,,,,,",
        "dave,,,,no role!é,,,,",
        "erin,,,,,asleep,,,",
        "frank,,,,,,deutsch und mehr,,",
        "grace,,,,,,,yesterday,",
        "heidi,,,,,,,2999-01-01T00:00:00Z,",
        "ivan,,maybe,,,,,,",
        "judy,,",
        "mallory,,,,admin,,,,",
        "mallory,,,,admin.read,,,,",
        "ALICE,,,,,,,,",
        ",,,,,,,,",
        "\"multi\nline\",,,,,,,,",
        "niaj,,,,,,,,",
    ];
    let expected = [
        (3, "email: not an e-mail address"),
        (4, "password_hash: it is of no kind that is known here"),
        (5, "roles: "),
        (6, "status: it is active or disabled"),
        (7, "locale: "),
        (8, "created_at: it is no time"),
        (9, "created_at: it is before 1970 or in the future"),
        (10, "email_verified: "),
        (11, "it has 3 columns, the header 9"),
        (12, "--with-admin-roles"),
        (13, "--with-admin-roles"),
        (15, "username: there is neither"),
        (16, "username: "),
        (14, "username: another account has it"),
    ];
    refuses(rows.join("\n"), &expected, 2);
}

#[test]
fn a_hash_that_would_cost_too_much_or_was_cut_is_refused() {
    let hashes = [
        BCRYPT.replace("$12$", "$31$"),
        "$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        "$argon2id$v=19$m=1073741824,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
            .to_owned(),
        "$pbkdf2-sha512$i=1073741824$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        BCRYPT[..40].to_owned(),
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ".to_owned(),
    ];
    let rows = hashes.iter().enumerate();
    let rows = rows
        .map(|(number, hash)| json!({ "username": format!("u{number}"), "password_hash": hash }).to_string());
    let reasons = ["cost", "cost", "cost", "cost", "cut", "cut"];
    let expected: Vec<_> = (1..).zip(reasons).collect();
    refuses(rows.collect::<Vec<_>>().join("\n"), &expected, 0);
}

#[test]
fn lines_of_json_that_are_no_accounts_are_refused_one_by_one() {
    let long = format!("{{\"username\":\"{}\"}}", "swordfish".repeat(10_000));
    let lines: Vec<Vec<u8>> = vec![
        br#"{"username":"alice","username":"swordfish"}"#.to_vec(),
        br#"{"username":"alice","password":"swordfish"}"#.to_vec(),
        br#"{"username":["swordfish"]}"#.to_vec(),
        br#"{"username":"alice","email_verified":"swordfish"}"#.to_vec(),
        br#"{"username":"alice"#.to_vec(),
        br#"{"username":"alice"} "swordfish""#.to_vec(),
        b"{\"username\":\"al\xffice\"}".to_vec(),
        br#"{"username":"al\u0000ice"}"#.to_vec(),
        b"{\"username\":\"al\0ice\"}".to_vec(),
        long.into_bytes(),
        "[".repeat(20_000).into_bytes(),
        b"swordfish".to_vec(),
        b"".to_vec(),
        br#"{"username":"alice"}"#.to_vec(),
    ];
    let expected = [
        (1, "username: it is there twice"),
        (2, "there is no such member"),
        (3, "username: it is of another kind"),
        (4, "email_verified: it is of another kind"),
        (5, "it is not an account in JSON"),
        (6, "something comes after the account"),
        (7, "it is not UTF-8"),
        (8, "username: "),
        (9, "it is not an account in JSON"),
        (10, "longer than 64 KiB"),
        (11, "it is not an account in JSON"),
        (12, "it is not an account in JSON"),
    ];
    refuses(lines.join(&b'\n'), &expected, 1);
}

#[test]
fn tables_of_csv_that_are_odd_are_read_as_they_are() {
    let install = install();
    let long = "x".repeat(100_000);
    let text = format!(
        "\u{feff}username,email,roles\r\n=1+1,,\r\n\"quoted, \"\"so\"\"\",a@b.example,\"a,b c\"\r\n\r\n{long},,\r\n@cmd,,\r\n\"never closed,,\r\nlost,,\r\n"
    );
    let outcome = import(&install, text, &["--json"]);
    let (made, _, refused) = told(&outcome);
    assert_eq!((made, refused.len()), (3, 2), "{outcome:?}");
    assert!(refused[0].1.contains("longer than 64 KiB"), "{refused:?}");
    let mut names = names(&install);
    names.sort_unstable();
    assert_eq!(names, ["=1+1", "@cmd", "quoted, \"so\""]);
    let outcome = import(&install, b"username,email\nbob,\nal\xffice,\n\0,\n", &["--json"]);
    let (made, _, refused) = told(&outcome);
    assert_eq!((made, refused.len()), (1, 2), "{outcome:?}");
}

#[test]
fn a_file_without_a_header_or_of_no_known_format_is_refused_without_a_word_of_it() {
    let install = install();
    for (text, why) in [
        (format!("alice,a@example.com,{BCRYPT}\n"), "the header: column 1 is not known"),
        ("username,username\na,b\n".to_owned(), "the header: column 1 is there twice"),
        (r#"["swordfish"]"#.to_owned(), "it is not an account in JSON"),
        (r#"{"realm":"swordfish"}"#.to_owned(), "it is not such a document"),
        (
            r#"{"realm":"x","users":[{"username":"alice"},{"username":"#.to_owned(),
            "it is not such a document",
        ),
        (
            format!(r#"{{"realm":"x","users":[{{"username":"{}"}}]}}"#, "swordfish".repeat(10_000)),
            "longer than 64 KiB",
        ),
    ] {
        let outcome = import(&install, text, &[]);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(said.contains(why) && !said.contains("swordfish") && !said.contains("R9h"), "{why}: {said}");
    }
    let missing = install.run(&["user", "import", "nothing"]);
    assert!(missing.code == Some(1) && missing.stderr.contains("nothing: No such file"), "{missing:?}");
    assert_eq!(names(&install), ["alice"], "what came before the end of a document that was cut");
}

#[test]
fn roles_of_keywards_own_are_taken_when_that_is_asked_for() {
    let install = install();
    let outcome = import(&install, "username,roles\nroot,admin\n", &["--with-admin-roles", "--json"]);
    assert_eq!(told(&outcome).0, 1);
    assert!(install.good(&["user", "show", "root"]).contains("admin"));
}

#[test]
fn a_second_run_changes_nothing_and_an_account_of_before_is_not_taken_over() {
    let install = install();
    install.add_user("bob", "correct horse battery", &[]);
    let rows =
        format!("username,email,password_hash\nalice,a@example.com,{BCRYPT}\nbob,b@example.com,{BCRYPT}\n");
    let before = install.good(&["user", "show", "bob"]);
    let (made, there, refused) = told(&import(&install, &rows, &["--json"]));
    assert_eq!((made, there, refused.len()), (1, 0, 1));
    assert_eq!(refused[0], (3, "username: another account has it, whatever its case".to_owned()));
    let export = || install.good(&["user", "export", "--with-password-hashes"]);
    let exported = export();
    let (made, there, refused) = told(&import(&install, &rows, &["--json"]));
    assert_eq!((made, there, refused.len(), export()), (0, 1, 1, exported));
    assert_eq!(install.good(&["user", "show", "bob"]), before);
}

#[test]
fn what_is_exported_here_and_imported_elsewhere_is_exported_there_as_it_was() {
    let here = install();
    let rows = [
        HEADER.to_owned(),
        format!(
            "\"Ålice \"\"the\"\", first\",alice@example.com,true,{BCRYPT},admin b:c,disabled,pt-BR,2009-02-13T23:31:30.123Z,5b1ef6f2-3a3b-4c5d-8e9f-0a1b2c3d4e5f"
        ),
        "=bob,,,,,,,,".to_owned(),
        "carol,,,,,,,,not a UUID".to_owned(),
    ];
    told(&import(&here, rows.join("\n"), &["--with-admin-roles", "--json"]));
    here.add_user("dave", "correct horse battery", &["--role", "ops"]);
    for format in ["jsonl", "csv"] {
        let export = |install: &Install| {
            install.good(&["user", "export", "--with-password-hashes", "--format", format])
        };
        let (there, exported) = (install(), export(&here));
        assert_eq!(told(&import(&there, &exported, &["--with-admin-roles", "--json"])).0, 4, "{exported}");
        assert_eq!(export(&there), exported);
        assert_eq!(told(&import(&here, &exported, &["--with-admin-roles", "--json"])).1, 4);
    }
    assert!(!here.good(&["user", "export"]).contains('$'), "no hash that was not asked for");
    let written = ["user", "export", "--with-password-hashes", "--output", "out.jsonl"];
    here.good(&written);
    let mode = fs::metadata(here.path("out.jsonl")).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let again = here.run(&written);
    assert!(again.code == Some(1) && again.stderr.contains("out.jsonl: File exists"), "{again:?}");
}

/// So many that an import can be met in the middle.
fn many() -> String {
    let line = |number| format!("{{\"username\":\"user{number:05}\",\"password_hash\":\"{BCRYPT}\"}}\n");
    (0..20_000).map(line).collect::<Vec<_>>().concat()
}

fn begin(install: &Install) -> Child {
    let mut command = install.command(env!("CARGO_BIN_EXE_keyward").as_ref());
    let command = command.args(["user", "import", "users", "--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started")
}

fn end(child: Child) -> Outcome {
    let output = child.wait_with_output().expect("ended");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn an_import_that_was_killed_is_gone_on_with() {
    let install = install();
    fs::write(install.path("users"), many()).expect("written");
    let mut child = begin(&install);
    let deadline = Instant::now() + Duration::from_mins(1);
    let count = || {
        let file = rusqlite::Connection::open(install.path("data/keyward.db")).expect("opened");
        file.query_row("SELECT count(*) FROM users", [], |row| row.get::<_, u32>(0)).unwrap_or(0)
    };
    while count() == 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let before = count();
    assert!(before > 0 && before.is_multiple_of(500), "whole steps: {before}");
    let (made, there, refused) = told(&end(begin(&install)));
    assert_eq!((made + there, there, refused), (20_000, u64::from(before), Vec::new()));
}

#[test]
fn two_imports_of_one_file_at_once_make_each_account_once() {
    let install = install();
    fs::write(install.path("users"), many()).expect("written");
    let two = [begin(&install), begin(&install)].map(end).map(|outcome| told(&outcome));
    assert_eq!(two[0].0 + two[1].0, 20_000);
    assert!(two.iter().all(|(made, there, refused)| made + there == 20_000 && refused.is_empty()), "{two:?}");
}
