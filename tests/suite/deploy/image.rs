//! The image of deploy/Dockerfile: its last stage, read line by line, and laid out as a folder.

use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use super::{KEYWARD, file, good, is_root, settings, text};

/// Who the image runs as: a user and a group that no machine has.
pub const NOBODY: u32 = 65532;

/// What the last stage says.
#[derive(Debug)]
pub struct Image {
    lines: Vec<(String, String)>,
}

/// A file or folder in it, and where from.
#[derive(Debug)]
struct Copied {
    is_built: bool,
    owner: Option<String>,
    source: String,
    target: String,
}

impl Image {
    pub fn read() -> Self {
        let text = text("Dockerfile").replace("\\\n", " ");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines = lines.map(|line| line.split_once(' ').expect("an instruction"));
        let lines: Vec<_> = lines.map(|(word, rest)| (word.to_owned(), rest.trim().to_owned())).collect();
        let last = lines.iter().rposition(|(word, _)| word == "FROM").expect("a stage");
        assert_eq!(lines[last].1, "scratch");
        Self { lines: lines[last + 1..].to_vec() }
    }

    fn all<'a>(&'a self, instruction: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |(word, _)| word == instruction).map(|(_, rest)| rest.as_str())
    }

    /// What an instruction says that is there once.
    pub fn one<'a>(&'a self, instruction: &'a str) -> &'a str {
        let all: Vec<_> = self.all(instruction).collect();
        assert_eq!(all.len(), 1, "{instruction}: {all:?}");
        all[0]
    }

    /// The words of an instruction in the form of a list.
    pub fn words(&self, instruction: &str) -> Vec<String> {
        let said = self.one(instruction);
        serde_json::from_str(&said[said.find('[').expect("a list")..]).expect("a list")
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        let pairs = self.one("ENV").split_whitespace().map(|pair| pair.split_once('=').expect("a pair"));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn copied(&self) -> Vec<Copied> {
        let read = |line: &str| {
            let (options, paths): (Vec<_>, Vec<_>) = line.split(' ').partition(|word| word.starts_with("--"));
            let option = |name: &str| options.iter().find_map(|option| option.strip_prefix(name));
            assert!(option("--from=").is_none_or(|stage| stage == "build"), "{line}");
            let [source, target] = paths[..] else { panic!("{line}") };
            Copied {
                is_built: option("--from=").is_some(),
                owner: option("--chown=").map(str::to_owned),
                source: source.to_owned(),
                target: target.to_owned(),
            }
        };
        self.all("COPY").map(read).collect()
    }

    /// Lays it out, with the tests' binary in place of the static one and, for that, the libraries it needs.
    pub fn lay_out(&self, root: &Path) {
        for copied in self.copied() {
            let target = root.join(copied.target.trim_start_matches('/'));
            match (copied.is_built, copied.source.as_str()) {
                (true, "/out/keyward") => put_binary(&target),
                (true, "/out/state/") => self.make_state(&target, copied.owner.as_deref()),
                (true, system) => put(Path::new(system), &target),
                (false, ours) => put(&file("..").join(ours), &target),
            }
        }
        for library in libraries() {
            put(&library, &root.join(library.strip_prefix("/").expect("absolute")));
        }
        make_folder(&root.join(self.one("WORKDIR").trim_start_matches('/')));
    }

    /// The volumes, as the build makes them.
    fn make_state(&self, folder: &Path, owner: Option<&str>) {
        assert_eq!(owner, Some(self.one("USER")));
        make_folder(folder);
        for volume in self.words("VOLUME") {
            let name = Path::new(&volume).file_name().expect("a name");
            let built = Path::new("/out/state").join(name).display().to_string();
            assert!(text("Dockerfile").contains(&built), "{built} is not made");
            DirBuilder::new().mode(0o700).create(folder.join(name)).expect("made");
            give_away(&folder.join(name), NOBODY);
        }
    }
}

/// Hands a file or folder to the image's group, and to that user. Who is not root keeps it, and is that user inside.
pub fn give_away(path: &Path, user: u32) {
    if is_root() {
        chown(path, Some(user), Some(NOBODY)).expect("given away");
    }
}

/// A folder that everybody may enter, with those above it.
pub fn make_folder(path: &Path) {
    DirBuilder::new().recursive(true).mode(0o755).create(path).expect("made");
}

fn put(source: &Path, target: &Path) {
    make_folder(target.parent().expect("a folder"));
    fs::copy(source, target).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    let is_program = fs::metadata(source).expect("a file").permissions().mode() & 0o100 != 0;
    fs::set_permissions(target, Permissions::from_mode(if is_program { 0o755 } else { 0o644 })).expect("set");
}

/// The binary is large: where it can be, it is the same file.
fn put_binary(target: &Path) {
    make_folder(target.parent().expect("a folder"));
    if fs::hard_link(KEYWARD, target).is_err() {
        put(Path::new(KEYWARD), target);
    }
}

fn libraries() -> Vec<PathBuf> {
    let said = good(Command::new("ldd").arg(KEYWARD));
    said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

#[test]
fn the_image_holds_what_it_starts_and_its_variables_are_settings() {
    let image = Image::read();
    let environment = image.environment();
    let ours = |(name, _): &&(String, String)| name.starts_with("KEYWARD_");
    let settings = settings(&environment.iter().filter(ours).cloned().collect::<Vec<_>>());
    let value = |name: &str| settings.iter().find(|one| one["name"] == name).expect(name)["value"].clone();
    assert_eq!(image.words("VOLUME"), [value("storage.data_dir"), value("keys.dir")]);
    let listen = value("server.listen");
    assert_eq!(listen.as_str(), Some(&*format!("0.0.0.0:{}", image.one("EXPOSE"))));
    assert_eq!(image.one("USER"), format!("{NOBODY}:{NOBODY}"), "numbers, so that Kubernetes sees who it is");
    let path = environment.iter().find(|(name, _)| name == "PATH").expect("a path");
    for program in [&image.words("ENTRYPOINT")[0], &image.words("HEALTHCHECK")[0]] {
        let program = format!("{}/{program}", path.1);
        assert!(image.copied().iter().any(|copied| copied.target == program), "{program}");
    }
}

#[test]
fn the_build_sees_all_that_is_built_in_and_no_secret() {
    let root = file("..");
    let listed = fs::read_to_string(root.join(".dockerignore")).expect("the list");
    let rules: Vec<&str> = listed.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let (seen, hidden): (Vec<&str>, Vec<&str>) = rules[1..].iter().partition(|rule| rule.starts_with('!'));
    assert_eq!((rules[0], &hidden[..]), ("*", &["deploy/secrets"][..]));
    assert_eq!(rules.last(), hidden.last(), "the last rule that fits decides");
    for needed in
        ["Cargo.lock", "Cargo.toml", "bench", "clients/rust", "deploy", "gateways", "migrations", "src"]
    {
        assert!(seen.contains(&&*format!("!{needed}")), "{needed}");
    }
    for secret in ["!keys", "!data", "!.git", "!target"] {
        assert!(!seen.contains(&secret), "{secret}");
    }
    let rust =
        text("Dockerfile").split("FROM rust:").nth(1).expect("an image").split('-').next().map(str::to_owned);
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("the manifest");
    assert!(manifest.contains(&format!("rust-version = \"{}\"", rust.expect("a version"))));
}
