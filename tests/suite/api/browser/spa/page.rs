//! The app of docs/browser.md in a tab, and what its user does there.

use serde_json::Value;

use super::site::USER;
use crate::api::browser::chromium::Tab;

/// The app in a tab.
pub struct Page<'a>(pub Tab<'a>);

impl Page<'_> {
    /// Fills a form in and sends it off, as a user does.
    pub async fn submits(&self, form: &str, values: &[(&str, &str)]) {
        for (name, value) in values {
            let field = format!("document.querySelector('#{form} [name={name}]')");
            self.0.run(&format!("{field}.value = '{value}'")).await;
        }
        self.0.run(&format!("document.querySelector('#{form} button').click()")).await;
    }

    pub async fn signs_in(&self, password: &str) {
        self.shows("sign-in").await;
        self.submits("sign-in", &[("username", USER), ("password", password)]).await;
    }

    /// Waits until of the two parts it shows this one.
    pub async fn shows(&self, part: &str) {
        let shown = "['sign-in', 'signed-in'].filter(id => !document.getElementById(id).hidden).join()";
        self.0.becomes(shown, part).await;
    }

    /// Waits until the app lists these notes for the user.
    pub async fn lists(&self, notes: &str) {
        self.shows("signed-in").await;
        assert_eq!(self.0.eval("document.getElementById('name').textContent").await, USER);
        self.0.becomes("[...document.querySelectorAll('li')].map(it => it.textContent).join()", notes).await;
    }

    /// Waits until there is such a message.
    pub async fn says(&self, text: &str) {
        let message = "document.getElementById('message').textContent";
        self.0.becomes(&format!("{message}.includes('{text}') || {message}"), true).await;
    }

    /// What an expression with the page's own `ask` comes to.
    pub async fn asks(&self, expression: &str) -> Value {
        self.0.eval(&format!("import('/keyward.js').then(({{ ask }}) => {expression})")).await
    }
}
