//! Which endpoints a listener has.

use axum::Router;

use super::{
    api,
    around::{self, Around},
    docs, layers,
    state::ApiState,
};
use crate::config::ServerConfig;

/// The public listener's endpoints, with their layers. Without an internal listener it has the metrics
/// too.
pub fn public(state: &ApiState, config: &ServerConfig) -> Router {
    let mut exempt = around::probes();
    if config.internal_listen.is_none() {
        exempt = exempt.merge(around::metrics());
    }
    let (api, _) = api::routes().split_for_parts();
    let bounded = api.with_state(state.clone()).merge(docs::routes());
    let (exempt, _) = exempt.split_for_parts();
    layers::wrap(exempt.with_state(Around::of(state)), bounded, config)
}

/// The internal listener's endpoints, with their layers: the probes and the metrics.
pub fn internal(state: &ApiState, config: &ServerConfig) -> Router {
    let (exempt, _) = around::probes().merge(around::metrics()).split_for_parts();
    layers::wrap(exempt.with_state(Around::of(state)), Router::new(), config)
}
