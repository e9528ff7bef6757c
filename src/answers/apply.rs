//! What `keyward apply` changes.

use std::fmt;

use serde::Serialize;

/// All changes, in the order in which they are done.
#[derive(Serialize)]
pub struct Applied {
    /// Whether all is as the file says.
    pub applied: bool,
    pub changes: Vec<AppliedChange>,
}

/// A change of an app or a user.
#[derive(Clone, Serialize)]
pub struct AppliedChange {
    pub change: ChangeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Each a line such as `origins: -https://a.example +https://b.example`.
    pub details: Vec<String>,
    pub done: bool,
    /// Of an app that was given one; it is nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Add,
    Change,
    Remove,
}

impl AppliedChange {
    #[must_use]
    pub fn of_app(change: ChangeKind, name: &str, details: Vec<String>) -> Self {
        Self { change, app: Some(name.to_owned()), user: None, details, done: false, secret: None }
    }

    #[must_use]
    pub fn of_user(name: &str, details: Vec<String>) -> Self {
        let change = ChangeKind::Change;
        Self { change, app: None, user: Some(name.to_owned()), details, done: false, secret: None }
    }

    /// Whose change it is.
    #[must_use]
    pub fn name(&self) -> &str {
        self.app.as_deref().or(self.user.as_deref()).unwrap_or_default()
    }
}

impl fmt::Debug for AppliedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string())
    }
}

/// A line as in a diff, without a secret.
impl fmt::Display for AppliedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.change {
            ChangeKind::Add => '+',
            ChangeKind::Change => '~',
            ChangeKind::Remove => '-',
        };
        let what = if self.app.is_some() { "app" } else { "user" };
        write!(f, "{sign} {what} {}: {}", self.name(), self.details.join("; "))
    }
}
