//! Who is calling: a bearer token is verified and becomes a [`Caller`].
//!
//! Which signatures are believed is decided by the configuration, never by the token. This room
//! knows no routes and no rows, and opens no connection: key sets are fetched by a [`KeySource`], and
//! people are signed in by an [`IdentityProvider`], that are handed in. It never logs or shows a token.

mod bearer;
mod caller;
mod claims;
mod error;
mod jwks;
mod jwt;
mod keys;
mod mint;
mod oidc;

pub use bearer::bearer_token;
pub use caller::{Caller, InvalidTenant, Scope, ScopeSet, Tenant, UnknownScope};
pub use error::{AuthError, Claim};
pub use jwks::{KeySource, KeySourceError};
pub use jwt::{LEEWAY_SECONDS, MAX_TOKEN_BYTES, Verifier, VerifierError};
pub use mint::{MintError, MintRequest, mint};
pub use oidc::{IdentityProvider, IdentityProviderError, Oidc, OidcError, SIGN_IN_TIME, SignIn};
