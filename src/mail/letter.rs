//! A mail as it goes out: the text of its kind in the reader's language with what is to be told, as plain text and as
//! HTML. A reader's name is text in either, and no header is made of anything but the subject and the two addresses.

use std::time::{Duration, SystemTime};

use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart,
        header::{ContentTransferEncoding, HeaderName, HeaderValue},
    },
};

use super::{Catalogue, NotSent};
use crate::domain::{
    clock::Timestamp,
    locale::Locale,
    mail::{MailId, MailKind},
    sender::Sender,
    user::Email,
};

/// What a link leads to.
#[derive(Clone)]
pub enum Way {
    /// A page of the app.
    Url(String),
    /// The app has no page for it: the token, to be typed or pasted there.
    Token(String),
}

/// What a mail tells.
#[derive(Clone)]
pub struct Facts {
    pub username: String,
    pub app: String,
    pub way: Option<Way>,
    pub code: Option<String>,
}

/// A mail to somebody.
pub struct Letter {
    /// The same at each try, so that who gets it twice can tell.
    pub id: MailId,
    pub kind: MailKind,
    pub to: Email,
    pub locale: Option<Locale>,
    pub facts: Facts,
    pub at: Timestamp,
}

/// What a part of a text is.
enum Part<'a> {
    Words(String),
    Way(&'a Way),
    Code(&'a str),
}

/// How a text goes into a message.
pub(super) type Encoding = fn(&str) -> Body;

/// So that any server takes it, and none needs to change it.
pub(super) fn for_servers(text: &str) -> Body {
    Body::new(text.to_owned())
}

/// As it is, for who reads the file: a link stands there in one piece.
pub(super) fn for_people(text: &str) -> Body {
    let lines = text.replace('\n', "\r\n");
    Body::dangerous_pre_encoded(lines.into_bytes(), ContentTransferEncoding::EightBit)
}

pub(super) fn compose(
    letter: &Letter,
    catalogue: &Catalogue,
    sender: &Sender,
    encoded: Encoding,
) -> Result<Message, NotSent> {
    let text = catalogue.text(letter.kind, letter.locale.as_ref());
    let parts = parts(&text.body, &letter.facts);
    let domain = sender.address.as_str().rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let date = u64::try_from(letter.at.millis()).unwrap_or(0);
    // RFC 3834 section 5: no out-of-office reply to this.
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let message = Message::builder()
        .from(Mailbox::new(sender.name.clone(), address(&sender.address)?))
        .to(Mailbox::new(None, address(&letter.to)?))
        .subject(filled(&text.subject, &letter.facts))
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(date))
        .message_id(Some(format!("<{}@{domain}>", letter.id)))
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .multipart(MultiPart::alternative_plain_html(encoded(&plain(&parts)), encoded(&html(&parts))));
    message.map_err(|_| NotSent::Never("it cannot be made a message".to_owned()))
}

fn address(email: &Email) -> Result<Address, NotSent> {
    let parsed = email.as_str().parse();
    parsed.map_err(|_| NotSent::Never("the address is none that mail can be sent to".to_owned()))
}

/// Paragraph by paragraph; what has nothing to tell is left out, and what announced it.
fn parts<'a>(body: &str, facts: &'a Facts) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    for paragraph in body.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        match part(paragraph, facts) {
            Some(part) => parts.push(part),
            None => drop(parts.pop_if(|part| matches!(part, Part::Words(words) if words.ends_with(':')))),
        }
    }
    parts
}

fn part<'a>(paragraph: &str, facts: &'a Facts) -> Option<Part<'a>> {
    match paragraph {
        "{link}" => facts.way.as_ref().map(Part::Way),
        "{code}" => facts.code.as_deref().map(Part::Code),
        words if words.contains("{code}") && facts.code.is_none() => None,
        words => Some(Part::Words(filled(words, facts))),
    }
}

/// In one pass, so that what is filled in is not filled in itself. Lines that a name might bring become one.
fn filled(text: &str, facts: &Facts) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(match name {
            "username" => &facts.username,
            "app" => &facts.app,
            "code" => facts.code.as_deref().unwrap_or_default(),
            _ => "",
        });
        rest = behind;
    }
    filled.push_str(rest);
    filled.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn plain(parts: &[Part<'_>]) -> String {
    let paragraphs = parts.iter().map(|part| match part {
        Part::Words(words) => words.as_str(),
        Part::Way(Way::Url(text) | Way::Token(text)) => text,
        Part::Code(code) => code,
    });
    paragraphs.collect::<Vec<_>>().join("\n\n") + "\n"
}

fn html(parts: &[Part<'_>]) -> String {
    let paragraphs = parts.iter().map(|part| match part {
        Part::Words(words) => format!("<p>{}</p>", escaped(words)),
        Part::Way(Way::Url(url)) => format!("<p><a href=\"{0}\">{0}</a></p>", escaped(url)),
        Part::Way(Way::Token(token)) => format!("<p><code>{}</code></p>", escaped(token)),
        Part::Code(code) => format!("<p style=\"font-size:1.6em;letter-spacing:.2em\">{}</p>", escaped(code)),
    });
    let body = paragraphs.collect::<Vec<_>>().join("\n");
    format!("<!doctype html>\n<html><body style=\"font-family:sans-serif\">\n{body}\n</body></html>\n")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(username: &str, kind: MailKind) -> Letter {
        Letter {
            id: MailId::new(Timestamp::from_secs(1_700_000_000)),
            kind,
            to: Email::parse("ada@example.com").expect("an address"),
            locale: None,
            facts: Facts {
                username: username.to_owned(),
                app: "shop".to_owned(),
                way: Some(Way::Url("https://shop.example.com/reset?a=1&token=x".to_owned())),
                code: None,
            },
            at: Timestamp::from_secs(1_700_000_000),
        }
    }

    fn message(letter: &Letter) -> String {
        let sender = Sender::parse("Shop, \u{fc}ber <no-reply@example.com>").expect("a sender");
        let catalogue = Catalogue::built_in().expect("texts");
        let message = compose(letter, &catalogue, &sender, for_servers).expect("a message");
        String::from_utf8(message.formatted()).expect("ASCII")
    }

    #[test]
    fn a_name_is_text_wherever_it_stands() {
        let name = "<b>Ada</b>\r\nBcc: eve@example.com\r\n\r\n{code}{link}";
        let sent = message(&letter(name, MailKind::ResetPassword));
        let (head, body) = sent.split_once("\r\n\r\n").expect("a head");
        assert!(!head.contains("eve@") && !sent.contains("\r\nBcc"), "{sent}");
        assert!(body.contains("&lt;b&gt;Ada"), "{body}");
        assert!(sent.is_ascii(), "any server takes it");
    }

    #[test]
    fn a_mail_says_that_it_is_automatic_and_what_it_is_called() {
        let letter = letter("Ada", MailKind::ResetPassword);
        let sent = message(&letter);
        assert!(sent.contains("Auto-Submitted: auto-generated\r\n"), "{sent}");
        assert!(sent.contains(&format!("Message-ID: <{}@example.com>", letter.id)), "{sent}");
        assert!(sent.contains("text/plain") && sent.contains("text/html"), "{sent}");
        assert!(sent.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000"), "{sent}");
    }

    #[test]
    fn what_has_nothing_to_tell_is_left_out() {
        let mut facts = letter("Ada", MailKind::ConfirmEmail).facts;
        let body = "A {username}\n\nB\n\nor this:\n\n{code}\n\nthe code {code}\n\n{link}";
        let told = |facts: &Facts| plain(&parts(body, facts));
        assert_eq!(told(&facts), "A Ada\n\nB\n\nhttps://shop.example.com/reset?a=1&token=x\n");
        facts.code = Some("012345".to_owned());
        facts.way = None;
        assert_eq!(told(&facts), "A Ada\n\nB\n\nor this:\n\n012345\n\nthe code 012345\n");
    }
}
