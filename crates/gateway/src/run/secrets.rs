//! Which secrets can be read again, and whom each is handed to.

use std::sync::Arc;

use tracing::info;

use super::{Gateway, reload::Subject};
use crate::{auth::Verifier, config::Config, http::tls::Tls, providers::Registry};

/// Everything that is read from a file and can be replaced while the gateway runs.
pub(super) fn subjects(
    config: &Config,
    registry: &Registry,
    verifier: &Arc<Verifier>,
    tls: Option<&Arc<Tls>>,
) -> Vec<Subject> {
    let mut subjects = Vec::new();
    subjects.extend(provider_keys(config, registry));
    subjects.extend(token_key(config, verifier));
    subjects.extend(certificate(config, tls));
    subjects
}

fn provider_keys(config: &Config, registry: &Registry) -> impl Iterator<Item = Subject> {
    config.providers.iter().enumerate().filter_map(|(index, provider)| {
        let files = provider.keys.files();
        let account = registry.get(&provider.name)?.clone();
        let keys = provider.keys.clone();
        let [present, next] = provider.kind().key_settings();
        let settings = format!("providers[{index}].{present}, {next}");
        let take = move |found| account.replace_keys(&keys.with_contents(found)?);
        let in_force = provider.keys.contents();
        (!files.is_empty()).then(|| Subject::new("provider_keys", settings, files, in_force, take))
    })
}

fn token_key(config: &Config, verifier: &Arc<Verifier>) -> Option<Subject> {
    let file = config.auth.key_file.clone()?;
    let verifier = Arc::clone(verifier);
    let (files, in_force) = (vec![file.path.clone()], vec![file.content.clone()]);
    let setting = file.setting();
    let take = move |found: Vec<_>| {
        let key = file.key_in(found.into_iter().next().unwrap_or_default())?;
        verifier.replace_key(&key).map_err(|error| error.to_string())
    };
    Some(Subject::new("token_key", setting, files, in_force, take))
}

fn certificate(config: &Config, tls: Option<&Arc<Tls>>) -> Option<Subject> {
    let (tls, config) = (Arc::clone(tls?), config.server.tls.clone()?);
    let (files, in_force) = (config.files(), config.contents());
    let take = move |found| {
        let pair = config.with_contents(found)?;
        tls.replace(&pair).map_err(|error| error.to_string())
    };
    let is_read = !files.is_empty();
    is_read.then(|| Subject::new("certificate", "server.tls", files, in_force, take))
}

impl Gateway {
    /// Reads every secret that is in a file again, now. What is bad leaves the last good one in force.
    pub fn read_secrets_again(&self) {
        info!(
            files = self.files_of_secrets,
            "secrets in files are read again; what is of the environment needs a restart"
        );
        self.read_again.notify_one();
    }
}
