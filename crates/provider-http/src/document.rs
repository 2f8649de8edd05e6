//! Fetching a public JSON document, such as a key set, of which no key of ours is asked; and the one request
//! that an identity provider answers with a token.

use std::time::Duration;

use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::{
    Url,
    form_urlencoded::{Serializer, byte_serialize},
};

use crate::{
    ClientError,
    answer::{BODY_LIMIT, BodyFault, Unreadable, read_body},
    client::{careful_builder, check_url},
};

/// A client for one document, or one endpoint that answers a form with one.
#[derive(Debug)]
pub struct DocumentClient {
    client: reqwest::Client,
    url: Url,
}

/// Why a document was not had.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It was not answered, or not to its end.
    #[error("the document could not be fetched")]
    Transport(#[source] reqwest::Error),
    /// The answer was no success. Redirects are not followed.
    #[error("the document's server answered {0}")]
    Status(u16),
    /// It is too long.
    #[error("the document is longer than {BODY_LIMIT} bytes")]
    TooLong,
    /// It is not what it should be.
    #[error("the document cannot be used: {0}")]
    Unreadable(Unreadable),
}

impl DocumentClient {
    /// A client for the document at `url`: https, or http on loopback. Its server's certificate must lead to
    /// one of `ca_pem`, where that is given, in place of the machine's.
    ///
    /// # Errors
    /// The URL, the times or the certificates cannot be used, or TLS cannot be set up.
    pub fn new(
        url: Url,
        timeout: Duration,
        connect_timeout: Duration,
        ca_pem: Option<&[u8]>,
    ) -> Result<Self, ClientError> {
        let mut bare = url.clone();
        bare.set_query(None);
        check_url(&bare)?;
        let builder = careful_builder(&url, timeout, connect_timeout, ca_pem)?;
        let client = builder.build().map_err(ClientError::Build)?;
        Ok(Self { client, url })
    }

    /// Fetches the document once.
    ///
    /// # Errors
    /// It was not answered with a success, within the time and [`BODY_LIMIT`], in the shape of `T`.
    pub async fn get_json<T: DeserializeOwned>(&self) -> Result<T, DocumentError> {
        read(self.client.get(self.url.clone())).await
    }

    /// Posts a form once, and reads the document that answers it. `basic`: who sends it, and what proves it.
    ///
    /// # Errors
    /// As [`DocumentClient::get_json`].
    pub async fn post_form<T: DeserializeOwned>(
        &self,
        fields: &[(&str, &str)],
        basic: Option<(&str, &SecretString)>,
    ) -> Result<T, DocumentError> {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self
            .client
            .post(self.url.clone())
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        if let Some((user, secret)) = basic {
            // RFC 6749, 2.3.1: both are written as a form's fields are.
            let written = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(written(user), Some(written(secret.expose_secret())));
        }
        read(request).await
    }
}

async fn read<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, DocumentError> {
    let response = request
        .header(http::header::ACCEPT, "application/json")
        .send()
        .await
        .map_err(|error| DocumentError::Transport(error.without_url()))?;
    let status = response.status();
    if status != StatusCode::OK {
        return Err(DocumentError::Status(status.as_u16()));
    }
    let body = read_body(response).await.map_err(|fault| match fault {
        BodyFault::TooLong => DocumentError::TooLong,
        BodyFault::Lost(error) => DocumentError::Transport(error.without_url()),
    })?;
    serde_json::from_slice(&body)
        .map_err(|error| DocumentError::Unreadable(Unreadable::json(&error)))
}
