//! Which commands and keys our user of Redis lacks. Each is tried in a form that changes nothing, since
//! few users may ask what their rights are: Redis looks at them before it looks at the arguments, so what
//! would write is given some that it refuses.

use redis::{Cmd, Pipeline, RedisResult, Value, aio::MultiplexedConnection};

use super::Advice;
use crate::store::redis::{connection::target::Mode, keys::Keys};

/// By the name under which the right is given: what is tried, with `K` for a key.
const ALWAYS: [(&str, &str); 33] = [
    ("ping", "PING"),
    ("client|tracking", "CLIENT TRACKING OFF"),
    ("script|load", "SCRIPT LOAD )"),
    ("evalsha", "EVALSHA none 1 K"),
    ("eval", "EVAL return 1 K"),
    ("get", "GET K"),
    ("set", "SET K v none"),
    ("setex", "SETEX K none v"),
    ("exists", "EXISTS K"),
    ("del", "DEL K"),
    ("expire", "EXPIRE K none"),
    ("pexpire", "PEXPIRE K none"),
    ("pttl", "PTTL K"),
    ("incrby", "INCRBY K none"),
    ("hset", "HSET K f v f"),
    ("hdel", "HDEL K f"),
    ("hget", "HGET K f"),
    ("hmget", "HMGET K f"),
    ("hgetall", "HGETALL K"),
    ("zadd", "ZADD K none m"),
    ("zrem", "ZREM K m"),
    ("zscore", "ZSCORE K m"),
    ("zmscore", "ZMSCORE K m"),
    ("zcard", "ZCARD K"),
    ("zcount", "ZCOUNT K 0 0"),
    ("zrange", "ZRANGE K 0 0"),
    ("zrevrange", "ZREVRANGE K 0 0"),
    ("zrangebyscore", "ZRANGEBYSCORE K 0 0"),
    ("zrevrangebyscore", "ZREVRANGEBYSCORE K 0 0"),
    ("scan", "SCAN 0 COUNT 1"),
    ("wait", "WAIT 0 1"),
    ("info", "INFO server"),
    ("time", "TIME"),
];
const BEHIND_SENTINELS: [(&str, &str); 1] = [("role", "ROLE")];
const IN_A_CLUSTER: [(&str, &str); 2] = [("cluster|nodes", "CLUSTER NODES"), ("asking", "ASKING")];

enum Refused {
    Command,
    Key,
}

/// What the user of that connection may not do, and needs to.
pub async fn lacking(
    connection: &MultiplexedConnection,
    keys: &Keys,
    mode: &Mode,
) -> RedisResult<Vec<Advice>> {
    let (probe, kinds) = (keys.probe(), keys.kinds());
    let besides: &[(&str, &str)] = match mode {
        Mode::Single => &[],
        Mode::Sentinel { .. } => &BEHIND_SENTINELS,
        Mode::Cluster => &IN_A_CLUSTER,
    };
    let rights: Vec<_> = ALWAYS.iter().chain(besides).collect();
    let tried = refusals(connection, rights.iter().map(|(_, attempt)| command(attempt, &probe))).await?;
    let commands: Vec<_> = (rights.iter().zip(tried))
        .filter_map(|((name, _), refused)| matches!(refused, Some(Refused::Command)).then_some(*name))
        .collect();
    // One that reads and one that writes, of each kind of key: rights to them may differ.
    let attempts = kinds
        .iter()
        .flat_map(|kind| ["EXISTS K", "DEL K"].map(|attempt| command(attempt, &format!("{kind}doctor"))));
    let tried = refusals(connection, attempts).await?;
    let closed: Vec<_> = (kinds.iter().zip(tried.chunks(2)))
        .filter_map(|(kind, tried)| tried.iter().any(|t| matches!(t, Some(Refused::Key))).then_some(kind))
        .collect();
    Ok(of_commands(&commands).into_iter().chain(of_keys(&closed, keys.prefix())).collect())
}

fn of_commands(commands: &[&str]) -> Option<Advice> {
    let rights: Vec<_> = commands.iter().map(|name| format!("+{name}")).collect();
    let rights = rights.join(" ");
    (!commands.is_empty())
        .then(|| Advice::Mend(format!("its user may not run what is needed: give it {rights}")))
}

fn of_keys(closed: &[&String], prefix: &str) -> Option<Advice> {
    let patterns: Vec<_> = closed.iter().map(|kind| format!("~{kind}*")).collect();
    let patterns = patterns.join(" ");
    let set = if prefix.is_empty() { "is not set".to_owned() } else { format!("is {prefix}") };
    (!closed.is_empty()).then(|| {
        Advice::Mend(format!(
            "its user may not use our keys: give it {patterns}, or set storage.redis_prefix, which {set}, to \
             the prefix of the keys that it has"
        ))
    })
}

/// Tries each in one go.
async fn refusals(
    connection: &MultiplexedConnection,
    commands: impl Iterator<Item = Cmd>,
) -> RedisResult<Vec<Option<Refused>>> {
    let mut together = Pipeline::new();
    for command in commands {
        together.add_command(command);
    }
    let answers = connection.clone().send_packed_commands(&together, 0, together.len()).await?;
    Ok(answers.into_iter().map(refusal).collect())
}

/// `NOPERM` is for both; its text says which.
fn refusal(answer: Value) -> Option<Refused> {
    let error = answer.extract_error().err().filter(|error| error.code() == Some("NOPERM"))?;
    let names_a_key = error.detail().is_some_and(|text| text.contains("key"));
    Some(if names_a_key { Refused::Key } else { Refused::Command })
}

fn command(attempt: &str, key: &str) -> Cmd {
    let mut command = Cmd::new();
    for word in attempt.split(' ') {
        command.arg(if word == "K" { key } else { word });
    }
    command
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        path::{Path, PathBuf},
    };

    use super::*;

    /// Those without which there is no connection, so that nothing need be tried.
    const TO_CONNECT: [&str; 2] = ["hello", "select"];

    /// The rights in a text, in their order.
    fn rights(text: &str) -> Vec<&str> {
        text.split_whitespace().filter_map(|word| word.strip_prefix('+')).collect()
    }

    #[test]
    fn what_is_tried_is_what_the_user_is_given() {
        let users = include_str!("../../../../deploy/redis/users.acl");
        let line = users.lines().find(|line| line.starts_with("user keyward ")).expect("the user");
        let tried = ALWAYS.iter().chain(&BEHIND_SENTINELS).chain(&IN_A_CLUSTER).map(|(name, _)| *name);
        let given: BTreeSet<_> = rights(line).into_iter().collect();
        assert_eq!(given, tried.chain(TO_CONNECT).collect());

        let page = include_str!("../../../../docs/operating.md");
        let list = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a list");
        assert_eq!(rights(list), rights(line));
    }

    /// What is asked of sentinels, and what the doctor can do without.
    const NOT_NEEDED: [&str; 2] = ["sentinel", "config"];

    #[test]
    fn what_the_store_and_its_scripts_call_is_tried() {
        let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/redis"))];
        let (mut in_scripts, mut in_rust) = (0, 0);
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path())
            {
                let text = || std::fs::read_to_string(&path).expect("a text");
                match path.extension().and_then(|end| end.to_str()) {
                    _ if path.is_dir() => folders.push(path),
                    Some("lua") => in_scripts += assert_all_tried(&text(), "call('", '\'', &path),
                    Some("rs") if !path.ends_with("advice/rights.rs") => {
                        in_rust += assert_all_tried(&text(), "cmd(\"", '"', &path);
                    }
                    _ => {}
                }
            }
        }
        assert!(in_scripts > 10 && in_rust > 10, "{in_scripts} in scripts, {in_rust} in Rust");
    }

    /// How many there are.
    fn assert_all_tried(text: &str, before: &str, after: char, path: &Path) -> usize {
        let calls = text.split(before).skip(1).filter_map(|rest| rest.split(after).next());
        let names = calls.map(str::to_lowercase).filter(|name| !NOT_NEEDED.contains(&name.as_str()));
        let all = || ALWAYS.iter().chain(&BEHIND_SENTINELS).chain(&IN_A_CLUSTER).map(|(name, _)| *name);
        names.fold(0, |count, name| {
            let is_tried = |tried: &str| tried.split('|').next() == Some(&name);
            assert!(all().chain(TO_CONNECT).any(is_tried), "{name} of {}", path.display());
            count + 1
        })
    }
}
