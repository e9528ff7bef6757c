//! The policies of apps, as they were a moment ago, so that not each refresh asks the store for one. What is
//! changed on another node holds here within [`VALIDITY`].

use std::time::Duration;

use quick_cache::sync::Cache;

use crate::{
    auth::{Auth, error::AuthError},
    domain::{app::AppName, app_policy::AppPolicy, clock::Timestamp},
};

const VALIDITY: Duration = Duration::from_secs(1);
/// Far more apps than a server has.
const CAPACITY: usize = 1_024;

pub(in crate::auth) struct AppPolicies(Cache<AppName, (AppPolicy, Timestamp)>);

impl AppPolicies {
    pub(in crate::auth) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// A clock that was set back makes nothing last longer.
    fn find(&self, app: &AppName, now: Timestamp) -> Option<AppPolicy> {
        let (policy, read_at) = self.0.get(app)?;
        (read_at <= now && read_at.until(now) < VALIDITY).then_some(policy)
    }

    /// Forgets an app that is changed or removed here.
    pub(in crate::auth) fn forget(&self, app: &AppName) {
        self.0.remove(app);
    }
}

impl Auth {
    /// What was decided for an app; nothing for one that is gone, whose sessions are about to end.
    pub(in crate::auth) async fn policy_of(&self, app: &AppName) -> Result<AppPolicy, AuthError> {
        let now = self.clock.now();
        if let Some(policy) = self.app_policies.find(app, now) {
            return Ok(policy);
        }
        let Some(app) = self.stores.apps.find(app).await? else { return Ok(AppPolicy::default()) };
        self.app_policies.0.insert(app.name, (app.policy.clone(), now));
        Ok(app.policy)
    }
}
