//! The paths that a Rust file names, read from its text as rustfmt leaves it.

/// A path as it stands in the text, its groups opened up.
pub struct Named<'a> {
    pub line: usize,
    pub path: Vec<&'a str>,
    /// It stands in a `use`.
    pub is_import: bool,
}

/// The same lines with their comments blank.
pub fn without_comments(text: &str) -> String {
    let code = text.lines().map(|line| {
        if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap_or(line) }
    });
    code.collect::<Vec<_>>().join("\n")
}

/// Every path of two or more parts, and whatever stands alone after `use`.
pub fn paths(code: &str) -> Vec<Named<'_>> {
    let mut found = Vec::new();
    let mut rest = code;
    let mut word = "";
    while let Some(start) = rest.find(is_name) {
        let mut here = Vec::new();
        let after = expand(&rest[start..], &[], &mut here);
        let is_import = word == "use";
        here.retain(|(_, path)| path.len() > 1 || is_import);
        word = &rest[start..rest.len() - after.len()];
        let named = |(left, path)| Named { line: line(code, left), path, is_import };
        found.extend(here.into_iter().map(named));
        rest = after;
    }
    found
}

/// Reads the path at the start of `rest`, its groups opened up, and returns what comes after. Each
/// comes with how much of the text was left where it ended.
fn expand<'a>(mut rest: &'a str, prefix: &[&'a str], found: &mut Vec<(usize, Vec<&'a str>)>) -> &'a str {
    let mut path = prefix.to_vec();
    loop {
        let (part, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        path.extend((!part.is_empty() && part != "self" || path.is_empty()).then_some(part));
        let Some(after) = after.strip_prefix("::") else {
            found.push((after.len(), path));
            return after;
        };
        rest = after;
        if let Some(group) = after.strip_prefix('{') {
            rest = group.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                rest = expand(rest, &path, found);
                let next = rest.find([',', '}']).unwrap_or(rest.len());
                rest = rest[next..].trim_start_matches(',').trim_start();
            }
            return rest.get(1..).unwrap_or("");
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line(code: &str, left: usize) -> usize {
    code[..code.len() - left].lines().count()
}
