//! Who is at the command line, as the operating system has it: for the events that say who changed something.

use std::fs;

use rustix::process::getuid;

use crate::domain::occasion::Occasion;

/// What a command does, it does on this occasion.
pub(super) fn occasion() -> Occasion {
    let id = getuid().as_raw().to_string();
    Occasion::of_shell(name_of(&id).unwrap_or(id))
}

/// Their name, if the machine has a list of its own that holds it.
fn name_of(id: &str) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(id)).then(|| name.to_owned())
    })
}
