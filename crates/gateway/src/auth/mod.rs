//! Who is calling: a bearer token is verified and becomes a [`Caller`].
//!
//! Which signatures are believed is decided by the configuration, never by the token. This room
//! knows no routes and no rows, and opens no connection: key sets are fetched by a [`KeySource`], and
//! people are signed in by an [`IdentityProvider`], that are handed in. It never logs or shows a token; [`Clues`]
//! is all that a log line may have of one.

mod bearer;
mod caller;
mod challenge;
mod claims;
mod clues;
mod error;
mod jwk;
mod jwks;
mod jwt;
mod keys;
mod mint;
mod oidc;
mod scopes;

pub use crate::config::{Scope, UnknownScope};
pub use bearer::bearer_token;
pub use caller::{Caller, InvalidTenant, ScopeSet, Tenant};
pub use challenge::challenge;
pub use clues::Clues;
pub use error::{AuthError, Claim};
pub use jwks::{KeySource, KeySourceError};
pub use jwt::{LEEWAY_SECONDS, MAX_TOKEN_BYTES, Verifier, VerifierError};
pub use mint::{MintError, MintRequest, mint};
pub use oidc::{IdentityProvider, IdentityProviderError, Oidc, OidcError, SIGN_IN_TIME, SignIn};
