//! Who calls, and whether they may: a handler names its scope by type, so none goes without one.

use std::marker::PhantomData;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};

use crate::{
    auth::{AuthError, Caller, Scope, bearer_token},
    http::{problem::Problem, request_id::RequestId, state::ApiState},
    store::TenantScope,
    telemetry,
};

/// The scopes as types.
pub(crate) mod scope {
    use crate::auth::Scope;

    /// A scope that a handler asks for.
    pub(crate) trait Required: Send + Sync + 'static {
        /// The scope.
        const SCOPE: Scope;
        /// One that is needed besides.
        const AND: Option<Scope> = None;
    }

    /// To change webhooks: they are written, and show events.
    #[derive(Debug)]
    pub(crate) struct Webhooks;
    impl Required for Webhooks {
        const SCOPE: Scope = Scope::OrganizationsWrite;
        const AND: Option<Scope> = Some(Scope::EventsRead);
    }

    macro_rules! scopes {
        ($($name:ident = $scope:ident),+) => {
            $(
                #[derive(Debug)]
                pub(crate) struct $name;
                impl Required for $name {
                    const SCOPE: Scope = Scope::$scope;
                }
            )+
        };
    }

    scopes!(
        Read = OrganizationsRead,
        Write = OrganizationsWrite,
        Lock = OrganizationsLock,
        Resolve = OperationsResolve,
        Events = EventsRead,
        Admin = Admin
    );
}

/// A caller whose token has the scope `S`, within its tenant's limits.
#[derive(Debug)]
pub(crate) struct Authorized<S> {
    /// Who calls.
    pub caller: Caller,
    /// The gateway's id of the request.
    pub request_id: String,
    /// The trace that the request belongs to.
    pub traceparent: Option<String>,
    scope: PhantomData<S>,
}

impl<S> Authorized<S> {
    /// Whose rows the caller may touch.
    pub(crate) fn tenant_scope(&self) -> TenantScope {
        match self.caller.only_tenant() {
            Some(tenant) => TenantScope::One(tenant.as_str().to_owned()),
            None => TenantScope::All,
        }
    }
}

impl<S: scope::Required> FromRequestParts<ApiState> for Authorized<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (token, more) = (given.next(), given.next());
        if more.is_some() {
            return Err(state.refused.refuse(&AuthError::NotBearer, None));
        }
        let authorization = token.map(|value| value.as_bytes());
        let caller = state
            .verifier
            .authenticate(authorization)
            .await
            .map_err(|error| state.refused.refuse(&error, bearer_token(authorization).ok()))?;
        state.admit(parts, &caller)?;
        let needed: Vec<Scope> = [Some(S::SCOPE), S::AND].into_iter().flatten().collect();
        state.refused.check_scopes(&caller, &needed)?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Ok(Self {
            caller,
            request_id: request_id.unwrap_or_default(),
            traceparent: telemetry::current_traceparent(),
            scope: PhantomData,
        })
    }
}
