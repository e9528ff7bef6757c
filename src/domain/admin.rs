//! Who may operate the server over HTTP, and how far: three roles that Keyward itself knows, of users and of apps.

use super::user::Role;

/// How far somebody may go; each may what the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdminRole {
    /// See everything.
    Read,
    /// End sessions, and unlock accounts.
    Support,
    /// Everything.
    Full,
}

impl AdminRole {
    pub const ALL: [Self; 3] = [Self::Read, Self::Support, Self::Full];

    /// The role as users and apps have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "admin.read",
            Self::Support => "admin.support",
            Self::Full => Role::ADMIN,
        }
    }

    /// Reads what [`as_str`](Self::as_str) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The one that goes furthest.
    #[must_use]
    pub fn of(roles: &[Role]) -> Option<Self> {
        roles.iter().filter_map(|role| Self::parse(role.as_str())).max()
    }

    /// Whether who needs this role is about to change something.
    #[must_use]
    pub const fn changes_something(self) -> bool {
        !matches!(self, Self::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Option<AdminRole> {
        let roles: Vec<Role> = names.iter().map(|name| Role::parse(name).expect("a role")).collect();
        AdminRole::of(&roles)
    }

    #[test]
    fn of_several_roles_the_one_counts_that_goes_furthest() {
        assert_eq!(of(&["admin.read", "admin", "editor"]), Some(AdminRole::Full));
        assert_eq!(of(&["admin.support", "admin.read"]), Some(AdminRole::Support));
        assert!(AdminRole::Read < AdminRole::Support && AdminRole::Support < AdminRole::Full);
    }

    #[test]
    fn a_role_that_only_looks_like_one_is_none() {
        assert_eq!(of(&["Admin", "admin.", "admin.write", "admin:read", "admins", "xadmin"]), None);
        assert_eq!(of(&[]), None);
    }
}
