//! The texts of mails: a subject and a body for each kind in each language. English and German are built in; a folder
//! may bring others, or other words for the same.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::domain::{locale::Locale, mail::MailKind};

/// What is built in, the language for everybody else first.
const BUILT_IN: [(&str, &str); 2] =
    [("en", include_str!("texts/en.toml")), ("de", include_str!("texts/de.toml"))];
/// What a text may have filled in.
const NAMES: [&str; 4] = ["username", "app", "link", "code"];
/// A file of texts is no longer than this, in bytes.
const LONGEST: u64 = 256 * 1024;

/// A subject and a body. Paragraphs are parted by an empty line.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    pub(super) subject: String,
    pub(super) body: String,
}

/// Texts that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{place}: {what}")]
    Wrong { place: String, what: String },
}

/// All texts, by language in lower case and kind.
#[derive(Debug)]
pub struct Catalogue(BTreeMap<String, BTreeMap<MailKind, Text>>);

impl Catalogue {
    /// What is built in.
    ///
    /// # Errors
    /// Never: a test reads it.
    pub fn built_in() -> Result<Self, CatalogueError> {
        let mut catalogue = Self(BTreeMap::new());
        for (language, file) in BUILT_IN {
            catalogue.take_in(language, language, file)?;
        }
        Ok(catalogue)
    }

    /// The same with the files `LANGUAGE.toml` of a folder laid over it. Blocks.
    ///
    /// # Errors
    /// When one cannot be read, or says what is no text of a mail.
    pub fn with(folder: Option<&Path>) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::built_in()?;
        let Some(folder) = folder else { return Ok(catalogue) };
        let unreadable = |path: &Path, source| CatalogueError::Unreadable { path: path.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
            let path = entry.map_err(|error| unreadable(folder, error))?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let place = path.display().to_string();
            let length = fs::metadata(&path).map_err(|error| unreadable(&path, error))?.len();
            if length > LONGEST {
                return Err(CatalogueError::Wrong { place, what: "is longer than 256 KiB".to_owned() });
            }
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let language = Locale::parse(stem)
                .map_err(|error| CatalogueError::Wrong { place: place.clone(), what: error.to_string() })?;
            catalogue.take_in(&place, language.as_str(), &text)?;
        }
        Ok(catalogue)
    }

    /// The text for a reader: in their language, else in that without its region, else in English.
    pub(super) fn text(&self, kind: MailKind, locale: Option<&Locale>) -> &Text {
        let tag = locale.map_or("", Locale::as_str).to_ascii_lowercase();
        let mut tags = std::iter::successors(Some(tag.as_str()), |tag| Some(tag.rsplit_once('-')?.0));
        let own = tags.find_map(|tag| self.0.get(tag)?.get(&kind));
        own.unwrap_or_else(|| &self.0[BUILT_IN[0].0][&kind])
    }

    fn take_in(&mut self, place: &str, language: &str, file: &str) -> Result<(), CatalogueError> {
        let wrong = |what: String| CatalogueError::Wrong { place: place.to_owned(), what };
        let texts: BTreeMap<String, Text> = toml::from_str(file).map_err(|error| wrong(error.to_string()))?;
        let known = self.0.entry(language.to_ascii_lowercase()).or_default();
        for (name, text) in texts {
            let kind = name.parse::<MailKind>().map_err(|_| {
                let kinds: Vec<&str> = MailKind::ALL.iter().map(|kind| kind.as_str()).collect();
                wrong(format!("{name} is no mail; there are {}", kinds.join(", ")))
            })?;
            if let Some(unknown) = unknown_name(&text.subject).or_else(|| unknown_name(&text.body)) {
                let names = NAMES.join("}, {");
                return Err(wrong(format!("{name}: {{{unknown}}} is not filled in; there are {{{names}}}")));
            }
            known.insert(kind, text);
        }
        Ok(())
    }
}

/// A name between braces that stands for nothing.
fn unknown_name(text: &str) -> Option<String> {
    let names = text.split('{').skip(1).map(|after| after.split_once('}').map_or(after, |(name, _)| name));
    let mut unknown = names.filter(|name| !NAMES.contains(name));
    unknown.next().map(|name| name.chars().take(32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_each_text_and_fills_in_the_same() {
        let catalogue = Catalogue::built_in().expect("texts");
        for kind in MailKind::ALL {
            let names = |text: &Text| {
                let all = format!("{} {}", text.subject, text.body);
                NAMES.map(|name| all.contains(&format!("{{{name}}}")))
            };
            let english = &catalogue.0["en"][&kind];
            for (language, texts) in &catalogue.0 {
                let text = texts.get(&kind).unwrap_or_else(|| panic!("{language} lacks {kind:?}"));
                assert_eq!(names(text), names(english), "{language} {kind:?}");
                assert!(!text.subject.trim().is_empty() && text.subject.len() < 80, "{language} {kind:?}");
            }
            // What goes to an address that nobody has proved to be theirs repeats nothing that a stranger chose.
            let is_told = english.body.contains("{username}");
            assert_eq!(is_told, kind != MailKind::ConfirmEmail, "{kind:?}");
        }
        let languages: Vec<&str> = catalogue.0.keys().map(String::as_str).collect();
        assert_eq!(languages, ["de", "en"]);
    }

    #[test]
    fn a_reader_is_written_to_in_their_language_as_far_as_it_is_known() {
        let catalogue = Catalogue::built_in().expect("texts");
        let subject = |tag: &str| {
            let locale = Locale::parse(tag).expect("a tag");
            catalogue.text(MailKind::ResetPassword, Some(&locale)).subject.clone()
        };
        assert_eq!(subject("de-AT"), subject("de"));
        assert_eq!(subject("DE"), subject("de"));
        assert_eq!(subject("fr"), subject("en"));
        assert_ne!(subject("de"), subject("en"));
    }

    #[test]
    fn a_folder_brings_other_words_and_says_which_are_wrong() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        write("fr.toml", "[reset_password]\nsubject = \"Mot de passe\"\nbody = \"{link}\"");
        write("notes.txt", "not read");
        let catalogue = Catalogue::with(Some(folder.path())).expect("texts");
        let french = Locale::parse("fr-CA").expect("a tag");
        assert_eq!(catalogue.text(MailKind::ResetPassword, Some(&french)).subject, "Mot de passe");
        let english = Catalogue::built_in().expect("texts");
        assert_eq!(
            catalogue.text(MailKind::EmailChanged, Some(&french)).subject,
            english.text(MailKind::EmailChanged, None).subject
        );
        for (text, told) in [
            ("[reset_pasword]\nsubject = \"a\"\nbody = \"b\"", "reset_pasword is no mail"),
            ("[reset_password]\nsubject = \"a\"\nbody = \"{token}\"", "{token} is not filled in"),
            ("[reset_password]\nsubject = \"a\"", "body"),
            ("[reset_password", "fr.toml"),
        ] {
            write("fr.toml", text);
            let error = Catalogue::with(Some(folder.path())).expect_err(text).to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(Catalogue::with(Some(Path::new("/nowhere"))).is_err());
    }
}
