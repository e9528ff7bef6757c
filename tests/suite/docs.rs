//! The map is true: every file it names is there, and it names every room.

use std::{fs, path::Path};

#[test]
fn every_file_the_map_names_is_there() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(here.join("docs/architecture.md")).expect("the map");
    let quoted = map.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| [".rs", ".lua", ".sql", "/"].iter().any(|end| word.ends_with(end));
    let named: Vec<&str> =
        quoted.filter(is_path).filter(|path| !path.contains(char::is_whitespace)).collect();
    assert!(named.len() > 40, "too few files are seen");
    for path in &named {
        assert!(here.join("src").join(path).exists() || here.join(path).exists(), "{path} is not there");
    }
    for entry in fs::read_dir(here.join("src")).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let room = name.trim_end_matches(".rs");
        let is_named = named.iter().any(|path| path.split(['/', '.']).next() == Some(room));
        assert!(is_named || ["lib", "main"].contains(&room), "{name} is not on the map");
    }
}
