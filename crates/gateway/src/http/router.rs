//! Which endpoints a listener has.
//!
//! What is for operators, the metrics and the console, is on the internal listener where there is one, and
//! then nowhere else.

use axum::Router;

use super::{
    api,
    around::{self, Around},
    docs, layers, ops,
    state::ApiState,
};
use crate::config::ServerConfig;

/// The public listener's endpoints, with their layers. Without an internal listener it has the metrics
/// and the console too.
pub fn public(state: &ApiState, config: &ServerConfig) -> Router {
    let mut exempt = around::probes();
    let (mut bounded, _) = api::routes().split_for_parts();
    if config.internal_listen.is_none() {
        exempt = exempt.merge(around::metrics());
        bounded = bounded.merge(ops::routes());
    }
    let bounded = bounded.with_state(state.clone()).merge(docs::routes());
    let (exempt, _) = exempt.split_for_parts();
    layers::wrap(exempt.with_state(Around::of(state)), bounded, config)
}

/// The internal listener's endpoints, with their layers: the probes, the metrics and the console.
pub fn internal(state: &ApiState, config: &ServerConfig) -> Router {
    let (exempt, _) = around::probes().merge(around::metrics()).split_for_parts();
    let bounded = ops::routes().with_state(state.clone());
    layers::wrap(exempt.with_state(Around::of(state)), bounded, config)
}
