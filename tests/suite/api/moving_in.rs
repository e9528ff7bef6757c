//! Contract 6.3: who comes from elsewhere signs in with the password they had there. Hashes are made by the programs
//! that make them elsewhere: PHP, Python, Node.js and OpenSSL.

use std::{fs, process::Command};

use serde_json::{Value, json};

use super::install::{Install, Server};

const PASSWORD: &str = "pässwörd $1 'quoted'";

/// What a program prints of the password.
fn made_by(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let output = command.args(arguments).env("P", PASSWORD).output().expect(program);
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

fn php(code: &str) -> String {
    made_by("php", &["-r", &format!("$p = getenv('P'); echo {code};")])
}

fn python(code: &str) -> String {
    let begin = "import os, base64, hashlib, warnings\nwarnings.simplefilter('ignore')\np = os.environ['P'].encode()\n\
        b = lambda x: base64.b64encode(x).decode().rstrip('=')";
    made_by("python3", &["-c", &format!("{begin}\n{code}")])
}

fn node(code: &str) -> String {
    let begin = "const c = require('node:crypto'); const p = process.env.P;";
    made_by("node", &["-e", &format!("{begin} {code}")])
}

/// The hashes that a server is given, each with the name of an account.
fn hashes() -> Vec<(&'static str, String)> {
    let mcf = |name: &str, digest: &str, length: usize| {
        let salt = "c2FsdHNhbHRzYWx0";
        let code = format!(
            "print('${name}$i=1000${salt}$' + b(hashlib.pbkdf2_hmac('{digest}', p, b'saltsaltsalt', 1000, {length})))"
        );
        python(&code)
    };
    vec![
        ("bcrypt-2y", php("password_hash($p, PASSWORD_BCRYPT, ['cost' => 6])")),
        ("bcrypt-2a", php("crypt($p, '$2a$06$abcdefghijklmnopqrstuu')")),
        ("bcrypt-2b", php("'$2b' . substr(password_hash($p, PASSWORD_BCRYPT, ['cost' => 6]), 3)")),
        ("argon2id", php("password_hash($p, PASSWORD_ARGON2ID, ['memory_cost' => 1024, 'time_cost' => 2])")),
        ("argon2i", php("password_hash($p, PASSWORD_ARGON2I, ['memory_cost' => 1024, 'time_cost' => 2])")),
        ("sha512-php", php("crypt($p, '$6$rounds=1000$saltsaltsalt$')")),
        ("sha256-php", php("crypt($p, '$5$saltsaltsalt$')")),
        ("sha512-openssl", made_by("openssl", &["passwd", "-6", PASSWORD])),
        ("sha256-openssl", made_by("openssl", &["passwd", "-5", PASSWORD])),
        (
            "scrypt",
            python(
                "print('$scrypt$ln=10,r=8,p=2$' + b(b'saltsalt') + '$' + b(hashlib.scrypt(p, salt=b'saltsalt', n=1024, r=8, p=2, dklen=32)))",
            ),
        ),
        ("pbkdf2-sha1", mcf("pbkdf2-sha1", "sha1", 20)),
        ("pbkdf2-sha256", mcf("pbkdf2-sha256", "sha256", 32)),
        // More than one block of it.
        ("pbkdf2-sha256-long", mcf("pbkdf2-sha256", "sha256", 64)),
        ("pbkdf2-sha512", mcf("pbkdf2-sha512", "sha512", 64)),
        (
            "passlib",
            python(
                "print('$pbkdf2-sha256$1000$' + b(b'\\xfb\\xef\\xbesalt').replace('+', '.') + '$' + b(hashlib.pbkdf2_hmac('sha256', p, b'\\xfb\\xef\\xbesalt', 1000)).replace('+', '.'))",
            ),
        ),
        (
            "django",
            python(
                "print('pbkdf2_sha256$1000$saltsalt$' + base64.b64encode(hashlib.pbkdf2_hmac('sha256', p, b'saltsalt', 1000)).decode())",
            ),
        ),
        (
            "firebase",
            node(&format!(
                "{FIREBASE} console.log(`$fbscrypt$v=1,n=10,r=8,p=1,ss=Bw==,sk=${{k.toString('base64')}}$${{s.toString('base64')}}$${{h.toString('base64')}}`)"
            )),
        ),
    ]
}

/// Firebase's scrypt as its authors describe it: a key of the project, encrypted with what scrypt makes.
const FIREBASE: &str =
    "const k = c.createHash('sha512').update('signer').digest(), s = Buffer.from('saltsalt');
    const d = c.scryptSync(p, Buffer.concat([s, Buffer.from([7])]), 32, { N: 1024, r: 8, p: 1 });
    const h = c.createCipheriv('aes-256-ctr', d, Buffer.alloc(16)).update(k);";

fn write(install: &Install, name: &str, text: &str) {
    fs::write(install.path(name), text).expect("written");
}

/// What `keyward user import` says of a file that is taken whole.
#[track_caller]
fn import(install: &Install, arguments: &[&str]) -> Value {
    install.migrate();
    let outcome = install.run(&[&["user", "import", "--json"], arguments].concat());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    serde_json::from_str(&outcome.stdout).expect("an object")
}

fn exported(install: &Install) -> Vec<Value> {
    let lines = install.good(&["user", "export", "--with-password-hashes"]);
    lines.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

fn user(install: &Install, name: &str) -> Value {
    exported(install).into_iter().find(|user| user["username"] == name).unwrap_or_else(|| panic!("{name}"))
}

async fn refuses(server: &Server, name: &str) {
    server.client().login(name, "another one").await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn passwords_of_elsewhere_sign_in_and_their_hashes_are_renewed() {
    let install = Install::new().with("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", 1000);
    let hashes = hashes();
    let row =
        |(name, hash): &(&str, String)| json!({ "username": name, "password_hash": hash }).to_string() + "\n";
    write(&install, "users.jsonl", &hashes.iter().map(row).collect::<String>());
    assert_eq!(import(&install, &["users.jsonl"])["made"], hashes.len());
    let server = install.start().await;
    for (name, hash) in &hashes {
        assert_eq!(user(&install, name)["password_hash"], **hash, "kept until then");
        refuses(&server, name).await;
        server.client().signed_in(name, PASSWORD).await;
        let renewed = user(&install, name)["password_hash"].as_str().expect("a text").to_owned();
        assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{name}");
        refuses(&server, name).await;
        server.client().signed_in(name, PASSWORD).await;
    }
    let said = server.printed();
    assert!(!said.contains(PASSWORD) && hashes.iter().all(|(_, hash)| !said.contains(hash)), "{said}");
}

#[tokio::test]
async fn who_comes_without_a_password_signs_in_once_one_is_set() {
    let install = Install::new();
    write(&install, "users.csv", "username,password_hash\nbob,\n");
    import(&install, &["users.csv"]);
    let server = install.start().await;
    server.client().login("bob", PASSWORD).await.problem(401, "invalid_credentials");
    let set = install.run_with_input(&["user", "set-password", "bob", "--password-stdin"], PASSWORD);
    assert_eq!(set.code, Some(0), "{set:?}");
    server.client().signed_in("bob", PASSWORD).await;
    assert!(!server.stderr().contains("cannot be used"), "{}", server.stderr());
}

#[tokio::test]
async fn a_realm_of_keycloak_moves_in() {
    let install = Install::new();
    let id = "5b1ef6f2-3a3b-4c5d-8e9f-0a1b2c3d4e5f";
    let secret = python(
        "print(base64.b64encode(hashlib.pbkdf2_hmac('sha256', p, b'salt of 16 bytes', 1000, 64)).decode())",
    );
    let salt = "c2FsdCBvZiAxNiBieXRlcw==";
    let argon = php(
        "password_hash($p, PASSWORD_ARGON2ID, ['memory_cost' => 7168, 'time_cost' => 5, 'threads' => 1])",
    );
    let argon: Vec<&str> = argon.split('$').collect();
    let credential = |secret: Value, data: Value| {
        json!([
            { "type": "otp", "secretData": "{\"value\":\"x\"}", "credentialData": "{}" },
            { "id": "c", "type": "password", "createdDate": 1_700_000_000_000_i64,
              "secretData": secret.to_string(), "credentialData": data.to_string() },
        ])
    };
    let realm = json!({
        "id": "x", "realm": "shop", "clients": [{ "secret": "y".repeat(100_000) }], "roles": { "realm": [] },
        "users": [
            { "id": id, "username": "alice", "email": "alice@example.com", "emailVerified": true, "enabled": true,
              "createdTimestamp": 1_600_000_000_123_i64, "totp": false, "attributes": { "locale": ["de"], "x": ["y"] },
              "realmRoles": ["default-roles-shop", "offline_access", "seller"], "groups": [],
              "credentials": credential(
                json!({ "value": secret, "salt": salt, "additionalParameters": {} }),
                json!({ "hashIterations": 1000, "algorithm": "pbkdf2-sha256", "additionalParameters": {} })) },
            { "username": "bob", "enabled": true, "credentials": credential(
                json!({ "value": argon[5], "salt": argon[4], "additionalParameters": {} }),
                json!({ "hashIterations": 5, "algorithm": "argon2", "additionalParameters": {
                    "hashLength": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"] } })) },
            { "username": "carol", "enabled": false, "credentials": [] },
        ],
        "smtpServer": {},
    });
    write(&install, "realm.json", &serde_json::to_string_pretty(&realm).expect("JSON"));
    assert_eq!(import(&install, &["realm.json"]), json!({ "refused": [], "made": 3, "there": 0 }));
    assert_eq!(import(&install, &["realm.json"]), json!({ "refused": [], "made": 0, "there": 3 }));
    let alice = user(&install, "alice");
    let expected = json!([id, "alice@example.com", true, ["seller"], "de", "2020-09-13T12:26:40.123Z"]);
    let seen =
        ["id", "email", "email_verified", "roles", "locale", "created_at"].map(|name| alice[name].clone());
    assert_eq!(json!(seen), expected);
    assert_eq!(user(&install, "carol")["status"], "disabled");
    let server = install.start().await;
    for name in ["alice", "bob"] {
        refuses(&server, name).await;
        server.client().signed_in(name, PASSWORD).await;
    }
    server.client().login("carol", PASSWORD).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn the_table_of_supabase_moves_in_as_csv_and_as_json() {
    let hash = php("'$2a' . substr(password_hash($p, PASSWORD_BCRYPT, ['cost' => 6]), 3)");
    let id = "0b1ef6f2-3a3b-4c5d-8e9f-0a1b2c3d4e5f";
    let csv = format!(
        "instance_id,id,aud,role,email,encrypted_password,email_confirmed_at,raw_user_meta_data,created_at,phone,banned_until,deleted_at,is_anonymous\n\
         00000000-0000-0000-0000-000000000000,{id},authenticated,authenticated,alice@example.com,{hash},2023-01-02 03:04:05.678901+00,\"{{\"\"a\"\": 1}}\",2023-01-02 03:04:05.678901+00,,,,false\n\
         00000000-0000-0000-0000-000000000000,1b1ef6f2-3a3b-4c5d-8e9f-0a1b2c3d4e5f,authenticated,authenticated,bob@example.com,{hash},,{{}},2023-01-02 03:04:05+00,,2999-01-01 00:00:00+00,,false\n"
    );
    let rows = json!([
        { "instance_id": "00000000-0000-0000-0000-000000000000", "id": id, "aud": "authenticated", "role": "authenticated",
          "email": "alice@example.com", "encrypted_password": hash, "email_confirmed_at": "2023-01-02 03:04:05.678901+00",
          "raw_app_meta_data": { "provider": "email" }, "created_at": "2023-01-02 03:04:05.678901+00", "phone": null,
          "banned_until": null, "deleted_at": null, "is_anonymous": false },
        { "id": "1b1ef6f2-3a3b-4c5d-8e9f-0a1b2c3d4e5f", "email": "bob@example.com", "encrypted_password": hash,
          "banned_until": "2999-01-01T00:00:00Z", "created_at": "2023-01-02T03:04:05Z" },
    ]);
    for (name, text) in [("users.csv", csv), ("users.json", rows.to_string())] {
        let install = Install::new();
        write(&install, name, &text);
        assert_eq!(import(&install, &[name])["made"], 2, "{name}");
        let alice = user(&install, "alice@example.com");
        let seen = ["id", "email_verified", "created_at"].map(|member| alice[member].clone());
        assert_eq!(json!(seen), json!([id, true, "2023-01-02T03:04:05.678Z"]), "{name}");
        let server = install.start().await;
        refuses(&server, "alice@example.com").await;
        server.client().signed_in("alice@example.com", PASSWORD).await;
        server.client().login("bob@example.com", PASSWORD).await.problem(403, "account_disabled");
    }
}

#[tokio::test]
async fn exports_and_imports_of_auth0_move_in() {
    let hash = php("'$2b' . substr(password_hash($p, PASSWORD_BCRYPT, ['cost' => 6]), 3)");
    let lines = [
        json!({ "_id": { "$oid": "60425dc43519d90068f82973" }, "email_verified": true, "email": "alice@example.com",
            "passwordHash": hash, "password_set_date": { "$date": "2021-03-05T16:32:52.000Z" }, "tenant": "t",
            "connection": "Username-Password-Authentication", "_tmp_is_unique": true, "created_at": { "$date": "2021-03-05T16:32:52.000Z" } }),
        json!({ "user_id": "auth0|5f7c8ec7c33c6c004bbafe82", "username": "bob", "email": "bob@example.com", "blocked": true,
            "passwordHash": hash, "identities": [{ "connection": "x" }], "created_at": "2021-03-05T16:32:52.000Z" }),
    ];
    let phc = hashes().into_iter().find(|(name, _)| *name == "pbkdf2-sha256").expect("it").1;
    let list = json!([
        { "email": "alice@example.com", "email_verified": true, "password_hash": hash },
        { "email": "bob@example.com", "username": "bob", "blocked": true,
          "custom_password_hash": { "algorithm": "pbkdf2", "hash": { "value": phc, "encoding": "utf8" } } },
    ]);
    for (name, text) in [
        ("lines.json", lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        ("list.json", list.to_string()),
    ] {
        let install = Install::new();
        write(&install, name, &text);
        assert_eq!(import(&install, &[name])["made"], 2, "{name}");
        assert_eq!(import(&install, &[name])["there"], 2, "{name}");
        let server = install.start().await;
        server.client().signed_in("alice@example.com", PASSWORD).await;
        server.client().login("bob", PASSWORD).await.problem(403, "account_disabled");
    }
}

#[tokio::test]
async fn the_tables_of_better_auth_move_in() {
    let install = Install::new();
    // As its password.ts does it: the salt's text is hashed.
    let password = node(
        "const s = c.createHash('md5').update('salt').digest('hex');
        const k = c.scryptSync(p.normalize('NFKC'), s, 64, { N: 16384, r: 16, p: 1, maxmem: 128 * 16384 * 16 * 2 });
        console.log(`${s}:${k.toString('hex')}`)",
    );
    let tables = json!({
        "user": [
            { "id": "Zk2v0a9QxW", "name": "Alice", "email": "alice@example.com", "emailVerified": true, "image": null,
              "createdAt": "2024-05-06T07:08:09.123Z", "updatedAt": "2024-05-06T07:08:09.123Z", "role": "user,seller" },
            { "id": "Yk2v0a9QxW", "name": "Bob", "email": "bob@example.com", "emailVerified": 0, "username": "bob",
              "createdAt": 1_714_979_289_123_i64, "banned": true },
        ],
        "session": [{ "token": "x".repeat(100_000) }],
        "account": [
            { "id": "a", "accountId": "google-1", "providerId": "google", "userId": "Zk2v0a9QxW", "password": null },
            { "id": "b", "accountId": "Zk2v0a9QxW", "providerId": "credential", "userId": "Zk2v0a9QxW", "password": password },
        ],
    });
    write(&install, "tables.json", &tables.to_string());
    assert_eq!(import(&install, &["tables.json"])["made"], 2);
    assert_eq!(import(&install, &["tables.json"])["there"], 2);
    let alice = user(&install, "alice@example.com");
    assert_eq!(
        (&alice["roles"], &alice["created_at"]),
        (&json!(["seller", "user"]), &json!("2024-05-06T07:08:09.123Z"))
    );
    let bob = user(&install, "bob");
    assert_eq!((&bob["status"], &bob["password_hash"]), (&json!("disabled"), &Value::Null));
    let server = install.start().await;
    refuses(&server, "alice@example.com").await;
    server.client().signed_in("alice@example.com", PASSWORD).await;
}

#[tokio::test]
async fn an_export_of_firebase_moves_in_with_the_projects_parameters() {
    let install = Install::new();
    let made =
        node(&format!("{FIREBASE} console.log(JSON.stringify([k, s, h].map((b) => b.toString('base64'))))"));
    let [key, salt, hash]: [String; 3] = serde_json::from_str(&made).expect("three");
    let config = format!(
        "hash_config {{\n  algorithm: SCRYPT,\n  base64_signer_key: {key},\n  base64_salt_separator: Bw==,\n  rounds: 8,\n  mem_cost: 10,\n}}\n"
    );
    let users = json!({ "users": [
        { "localId": "u1", "email": "alice@example.com", "emailVerified": true, "passwordHash": hash, "salt": salt,
          "createdAt": "1600000000123", "lastSignedInAt": "1600000000999", "providerUserInfo": [] },
        { "localId": "u2", "phoneNumber": "+4915100000", "disabled": true, "createdAt": "1600000000123", "providerUserInfo": [] },
    ] });
    write(&install, "hash-config.txt", &config);
    write(&install, "users.json", &users.to_string());
    install.migrate();
    let without = install.run(&["user", "import", "users.json"]);
    assert!(without.code == Some(1) && without.stdout.contains("--firebase-hash-config"), "{without:?}");
    let outcome = import(&install, &["users.json", "--firebase-hash-config", "hash-config.txt"]);
    assert_eq!((&outcome["made"], &outcome["there"]), (&json!(1), &json!(1)));
    assert_eq!(user(&install, "alice@example.com")["created_at"], "2020-09-13T12:26:40.123Z");
    let server = install.start().await;
    refuses(&server, "alice@example.com").await;
    server.client().signed_in("alice@example.com", PASSWORD).await;
}
