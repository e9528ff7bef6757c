//! Something for each value of the claims that name tokens: `jti`, `sid`, `sub`.

use std::collections::HashMap;

/// One map for each claim.
#[derive(Debug)]
pub(super) struct ByClaim<T> {
    pub tokens: HashMap<String, T>,
    pub sessions: HashMap<String, T>,
    pub users: HashMap<String, T>,
}

impl<T> ByClaim<T> {
    /// `None` = a claim that is not known here.
    pub(super) fn of(&self, claim: &str) -> Option<&HashMap<String, T>> {
        self.claims().into_iter().find(|(name, _)| *name == claim).map(|(_, by)| by)
    }

    pub(super) fn of_mut(&mut self, claim: &str) -> Option<&mut HashMap<String, T>> {
        match claim {
            "jti" => Some(&mut self.tokens),
            "sid" => Some(&mut self.sessions),
            "sub" => Some(&mut self.users),
            _ => None,
        }
    }

    pub(super) const fn claims(&self) -> [(&'static str, &HashMap<String, T>); 3] {
        [("jti", &self.tokens), ("sid", &self.sessions), ("sub", &self.users)]
    }

    pub(super) fn each(&mut self, change: impl FnMut(&mut HashMap<String, T>)) {
        [&mut self.tokens, &mut self.sessions, &mut self.users].into_iter().for_each(change);
    }
}

// Derived, it would ask for a default of what is kept.
impl<T> Default for ByClaim<T> {
    fn default() -> Self {
        Self { tokens: HashMap::new(), sessions: HashMap::new(), users: HashMap::new() }
    }
}
