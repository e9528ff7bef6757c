//! The document as a page, for people. It has no script and loads nothing, so that its policy forbids both: on the
//! origin where people sign in nothing runs that is not needed.

use std::fmt::{self, Display, Formatter, Write};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

const STYLE: &str = include_str!("page.css");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What the page may do: have its own style, and nothing else.
#[must_use]
pub fn policy() -> String {
    let style = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    format!("{nothing}; style-src 'sha256-{style}'")
}

/// The whole page.
#[must_use]
pub fn html(document: &Value) -> String {
    let mut page = String::new();
    // Writing to a text does not fail.
    let _ = whole(&mut page, document);
    page
}

/// A text as HTML, with what stands between backticks as code.
struct Marked<'a>(&'a str);

/// A text as HTML, as it stands.
struct Plain<'a>(&'a str);

impl Display for Marked<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.split('`').enumerate() {
            match at % 2 {
                0 => write!(f, "{}", Plain(part))?,
                _ => write!(f, "<code>{}</code>", Plain(part))?,
            }
        }
        Ok(())
    }
}

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            c => f.write_char(c),
        })
    }
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn whole(page: &mut String, document: &Value) -> fmt::Result {
    let info = &document["info"];
    let title = Plain(text(info, "title"));
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <h1>{title} {}</h1><p>{} The same for programs: <a href=\"openapi.json\">openapi.json</a>.</p><nav>",
        Plain(text(info, "version")),
        Marked(text(info, "description"))
    )?;
    for (at, tag) in list(&document["tags"]).enumerate() {
        write!(page, "<a href=\"#chapter-{at}\">{}</a>", Plain(text(tag, "name")))?;
    }
    page.write_str("<a href=\"#types\">Types</a></nav>")?;
    for (at, tag) in list(&document["tags"]).enumerate() {
        chapter(page, document, at, text(tag, "name"))?;
    }
    page.write_str("<h2 id=\"types\">Types</h2>")?;
    for (name, schema) in members(&document["components"]["schemas"]) {
        kind(page, name, schema)?;
    }
    page.write_str("</body></html>\n")
}

fn chapter(page: &mut String, document: &Value, at: usize, name: &str) -> fmt::Result {
    write!(page, "<h2 id=\"chapter-{at}\">{}</h2>", Plain(name))?;
    for (path, item) in members(&document["paths"]) {
        for method in METHODS {
            let operation = &item[method];
            if list(&operation["tags"]).any(|tag| tag == name) {
                endpoint(page, path, method, operation)?;
            }
        }
    }
    Ok(())
}

fn endpoint(page: &mut String, path: &str, method: &str, operation: &Value) -> fmt::Result {
    let (id, summary) = (Plain(text(operation, "operationId")), Marked(text(operation, "summary")));
    write!(
        page,
        "<details id=\"{id}\"><summary><b>{}</b> <code>{}</code> {summary}</summary><p>{}</p>",
        method.to_uppercase(),
        Plain(path),
        Marked(text(operation, "description"))
    )?;
    callers(page, &operation["security"])?;
    parameters(page, &operation["parameters"])?;
    for (media, content) in members(&operation["requestBody"]["content"]) {
        let may = if operation["requestBody"]["required"] == true { "" } else { ", may be left out" };
        write!(page, "<h3>Body{may}</h3><p><code>{}</code> {}</p>", Plain(media), of(&content["schema"]))?;
    }
    page.write_str("<h3>Answers</h3><table>")?;
    for (status, response) in members(&operation["responses"]) {
        let kinds = members(&response["content"]).map(|(_, content)| of(&content["schema"]));
        let kinds = kinds.collect::<Vec<_>>().join(" or ");
        let said = Marked(text(response, "description"));
        write!(page, "<tr><th>{}</th><td>{said}</td><td>{kinds}</td></tr>", Plain(status))?;
    }
    page.write_str("</table></details>")
}

fn callers(page: &mut String, security: &Value) -> fmt::Result {
    let names = list(security).map(|one| match members(one).next() {
        Some((name, _)) => format!("<code>{}</code>", Plain(name)),
        None => "nothing, or what the body holds".to_owned(),
    });
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        return Ok(());
    }
    write!(page, "<h3>The caller shows</h3><p>{}</p>", names.join(" or "))
}

fn parameters(page: &mut String, parameters: &Value) -> fmt::Result {
    if list(parameters).next().is_none() {
        return Ok(());
    }
    page.write_str("<h3>Parameters</h3><table>")?;
    for parameter in list(parameters) {
        let needed = if parameter["required"] == true { "" } else { ", may be left out" };
        write!(
            page,
            "<tr><th>{}</th><td>{}{needed}</td><td>{}</td><td>{}</td></tr>",
            Plain(text(parameter, "name")),
            Plain(text(parameter, "in")),
            of(&parameter["schema"]),
            Marked(text(parameter, "description"))
        )?;
    }
    page.write_str("</table>")
}

/// A type by its name, and its members.
fn kind(page: &mut String, name: &str, schema: &Value) -> fmt::Result {
    let (name, said) = (Plain(name), Marked(text(schema, "description")));
    write!(page, "<section id=\"type-{name}\"><h3>{name}</h3><p>{said}</p>")?;
    let parts: Vec<&Value> = list(&schema["allOf"]).collect();
    let own = if parts.is_empty() { vec![schema] } else { parts };
    for part in own {
        if part["properties"].is_object() {
            rows(page, part)?;
        } else {
            write!(page, "<p>{}</p>", of(part))?;
        }
    }
    page.write_str("</section>")
}

fn rows(page: &mut String, object: &Value) -> fmt::Result {
    page.write_str("<table>")?;
    for (name, schema) in members(&object["properties"]) {
        let needed = list(&object["required"]).any(|required| required == name.as_str());
        let needed = if needed { "" } else { ", may be missing" };
        let (said, kind) = (Marked(text(schema, "description")), of(schema));
        write!(page, "<tr><th>{}</th><td>{kind}{needed}</td><td>{said}</td></tr>", Plain(name))?;
    }
    page.write_str("</table>")
}

/// What a value may be, in short.
fn of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        return format!("<a href=\"#type-{0}\">{0}</a>", Plain(name));
    }
    for (member, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " with ")] {
        if schema[member].is_array() {
            // What only says more of the type before it is said in words.
            let parts = list(&schema[member]).filter(|part| member != "allOf" || part["$ref"].is_string());
            return parts.map(of).collect::<Vec<_>>().join(between);
        }
    }
    let words: Vec<_> = list(&schema["enum"]).filter_map(Value::as_str).map(code).collect();
    if !words.is_empty() {
        return words.join(" or ");
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", of(&schema["items"])),
        Value::String(name) => format!("{}{}", Plain(name), bounds(schema)),
        Value::Array(names) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            format!("{}{}", Plain(&names.join(" or ")), bounds(schema))
        }
        _ => "anything".to_owned(),
    }
}

fn code(word: &str) -> String {
    format!("<code>{}</code>", Plain(word))
}

fn bounds(schema: &Value) -> String {
    let known = [("format", ""), ("minimum", "from "), ("maximum", "to "), ("maxLength", "at most ")];
    let said = known.iter().filter_map(|(member, word)| match &schema[*member] {
        Value::Null => None,
        Value::String(text) => Some(format!(" {word}{}", Plain(text))),
        other => Some(format!(" {word}{other}")),
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_cannot_become_markup() {
        let said = Marked("a <b> & `c <d>` \"e\"").to_string();
        assert_eq!(said, "a &lt;b&gt; &amp; <code>c &lt;d&gt;</code> &quot;e&quot;");
    }
}
