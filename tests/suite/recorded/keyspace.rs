//! All keys of a Redis as text, a line each, in a form that any version of Redis takes.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use redis::{Cmd, FromRedisValue};
use serde_json::{Value, json};

use crate::support::servers::redis::Server;

/// Each key with its kind, its values and how long it has left to live.
pub fn dump(server: &Server) -> String {
    let mut connection = server.connection();
    let mut keys: Vec<String> = server.ask("KEYS *");
    keys.sort();
    let mut lines = String::new();
    for key in keys {
        let kind: String = ask(&mut connection, Cmd::new().arg("TYPE").arg(&key));
        let left: i64 = ask(&mut connection, Cmd::new().arg("PTTL").arg(&key));
        assert!(left > 0, "{key} has no end");
        let read: &[&str] = match kind.as_str() {
            "string" => &["GET"],
            "hash" => &["HGETALL"],
            "zset" => &["ZRANGE", "0", "-1", "WITHSCORES"],
            _ => panic!("{key} is a {kind}"),
        };
        let command = Cmd::new().arg(read[0]).arg(&key).arg(&read[1..]).to_owned();
        let values: Vec<Vec<u8>> = if kind == "string" {
            vec![ask(&mut connection, &command)]
        } else {
            ask(&mut connection, &command)
        };
        let values: Vec<String> = values.iter().map(|value| BASE64_STANDARD.encode(value)).collect();
        let line = json!({ "key": key, "kind": kind, "left": left, "values": values });
        writeln!(lines, "{line}").expect("written");
    }
    lines
}

/// Writes all of it into an empty server; each key has as long to live as it had then.
pub fn restore(server: &Server, lines: &str) {
    let mut connection = server.connection();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| line[name].as_str().expect(name);
        let values = line["values"].as_array().expect("an array").iter();
        let values = values.map(|value| BASE64_STANDARD.decode(value.as_str().expect("a text")));
        let mut values: Vec<Vec<u8>> = values.map(|value| value.expect("base64")).collect();
        let write = match text("kind") {
            "string" => "SET",
            "hash" => "HSET",
            _ => {
                // It is read as members with their scores, and written as scores with their members.
                values.chunks_mut(2).for_each(<[_]>::reverse);
                "ZADD"
            }
        };
        ask::<()>(&mut connection, Cmd::new().arg(write).arg(text("key")).arg(values));
        let left = line["left"].as_i64().expect("a number");
        ask::<()>(&mut connection, Cmd::new().arg("PEXPIRE").arg(text("key")).arg(left));
    }
}

fn ask<T: FromRedisValue>(connection: &mut redis::Connection, command: &Cmd) -> T {
    command.query(connection).expect("an answer")
}
