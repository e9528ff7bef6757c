//! How far a database has come on the way of `migrations/`: found out by reading alone, so that a server
//! needs no right to change tables where nothing is to be changed.

/// A step of `migrations/`, or one that a database says it has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStep {
    /// Its number, by which steps are told apart.
    pub version: i32,
    /// `V1__accounts_and_apps`.
    pub name: String,
}

/// Where a database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schema {
    /// No step was ever taken, so there are no tables of ours: all of these are to be taken.
    Missing(Vec<String>),
    /// These steps are to be taken.
    Behind(Vec<String>),
    /// It is as this server wants it.
    Current,
    /// A later server has taken these steps, which this one does not know.
    Ahead(Vec<String>),
}

impl Schema {
    /// What `taken` says to a server that knows the steps `known`.
    #[must_use]
    pub fn of(known: &[SchemaStep], taken: &[SchemaStep]) -> Self {
        let beyond = names_missing(taken, known);
        let lacking = names_missing(known, taken);
        match (taken, beyond.is_empty(), lacking.is_empty()) {
            ([], ..) => Self::Missing(lacking),
            (_, false, _) => Self::Ahead(beyond),
            (_, true, false) => Self::Behind(lacking),
            (_, true, true) => Self::Current,
        }
    }
}

/// Why a database that is ahead cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("it is of a later version of Keyward, which took {}: run that one, or restore a backup from before", .0.join(", "))]
pub struct TooNew(pub Vec<String>);

fn names_missing(steps: &[SchemaStep], among: &[SchemaStep]) -> Vec<String> {
    let is_there = |step: &&SchemaStep| among.iter().any(|other| other.version == step.version);
    steps.iter().filter(|step| !is_there(step)).map(|step| step.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(versions: &[i32]) -> Vec<SchemaStep> {
        versions.iter().map(|&version| SchemaStep { version, name: format!("V{version}__x") }).collect()
    }

    #[test]
    fn a_database_is_told_by_the_steps_it_has_taken() {
        let of = |taken: &[i32]| Schema::of(&steps(&[1, 2, 7]), &steps(taken));
        assert_eq!(
            of(&[]),
            Schema::Missing(vec!["V1__x".to_owned(), "V2__x".to_owned(), "V7__x".to_owned()])
        );
        assert_eq!(of(&[1, 2]), Schema::Behind(vec!["V7__x".to_owned()]));
        assert_eq!(of(&[1, 2, 7]), Schema::Current);
        assert_eq!(of(&[1, 2, 8]), Schema::Ahead(vec!["V8__x".to_owned()]));
    }
}
