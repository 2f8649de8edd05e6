//! A running sandbox and a client for each provider; answers are checked against the specs as they
//! come in.

use reqwest::{Client, Method, Response, StatusCode, redirect::Policy};
use sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use uuid::Uuid;

/// A sandbox and a client that follows no redirects.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn id(&self) -> Uuid {
        self.body["id"].as_str().unwrap().parse().unwrap()
    }

    /// The error's type at Scaleway.
    pub(crate) fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }

    /// The arguments that Scaleway refused, with the reason for each, by name.
    pub(crate) fn refused(&self) -> Vec<(String, String)> {
        let details = self.body["details"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut refused: Vec<_> = details
            .iter()
            .map(|detail| (text(&detail["argument_name"]), text(&detail["reason"])))
            .collect();
        refused.sort();
        refused
    }
}

pub(crate) async fn read(response: Response) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
}

pub(crate) async fn start() -> World {
    start_with(SandboxConfig::default()).await
}

pub(crate) async fn start_with(config: SandboxConfig) -> World {
    World { sandbox: Sandbox::start(config).await.unwrap(), client: client() }
}

pub(crate) fn client() -> Client {
    let builder = Client::builder().redirect(Policy::none()).no_proxy();
    // A fresh connection each time: a fault cuts the one it strikes.
    builder.pool_max_idle_per_host(0).build().unwrap()
}

pub(crate) const ORGANIZATIONS: &str = "/partner/v1/organizations";

/// Requests to Scaleway.
impl World {
    pub(crate) fn scaleway(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.sandbox.scaleway_url());
        let key = self.sandbox.scaleway_secret_key();
        self.client.request(method, url).header("X-Auth-Token", key)
    }

    /// The body of a create that is fine.
    pub(crate) fn new_organization(&self, email: &str, customer_id: &str) -> Value {
        json!({
            "partner_id": self.sandbox.scaleway_partner_id(),
            "email": email,
            "organization_name": "Acme",
            "owner_firstname": "Ada",
            "owner_lastname": "Acme",
            "customer_id": customer_id,
        })
    }

    pub(crate) fn create_request(&self, email: &str) -> reqwest::RequestBuilder {
        let body = self.new_organization(email, "cust-1");
        self.scaleway(Method::POST, ORGANIZATIONS).json(&body)
    }

    pub(crate) async fn create(&self, body: &Value) -> Answer {
        let request = self.scaleway(Method::POST, ORGANIZATIONS).json(body);
        read(request.send().await.unwrap()).await
    }

    /// Creates one that must succeed.
    pub(crate) async fn created(&self, email: &str) -> Answer {
        let answer = self.create(&self.new_organization(email, "cust-1")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer
    }

    pub(crate) async fn get(&self, id: Uuid) -> Answer {
        self.get_path(&format!("{ORGANIZATIONS}/{id}")).await
    }

    pub(crate) async fn get_path(&self, path: &str) -> Answer {
        read(self.scaleway(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn list(&self, query: &str) -> Answer {
        self.get_path(&format!("{ORGANIZATIONS}?{query}")).await
    }

    pub(crate) async fn patch(&self, id: Uuid, body: &Value) -> Answer {
        let path = format!("{ORGANIZATIONS}/{id}");
        let request = self.scaleway(Method::PATCH, &path).json(body);
        read(request.send().await.unwrap()).await
    }

    /// `lock`, `unlock` or `request-admin-role`.
    pub(crate) async fn verb(&self, id: Uuid, verb: &str, body: &Value) -> Answer {
        let path = format!("{ORGANIZATIONS}/{id}/{verb}");
        let request = self.scaleway(Method::POST, &path).json(body);
        read(request.send().await.unwrap()).await
    }
}

/// Requests to Archera.
impl World {
    pub(crate) fn archera(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.sandbox.archera_url());
        let key = self.sandbox.archera_api_key();
        self.client.request(method, url).header("x-api-key", key)
    }

    pub(crate) fn orgs_path(&self) -> String {
        let partner = self.sandbox.archera_partner_org_id();
        format!("/v2/partners/{partner}/orgs")
    }

    pub(crate) async fn register(&self, body: &Value) -> Answer {
        let request = self.archera(Method::POST, &self.orgs_path()).json(body);
        read(request.send().await.unwrap()).await
    }

    pub(crate) async fn invite(&self, org: &str, body: &Value) -> Answer {
        let path = format!("{}/{org}/invites", self.orgs_path());
        let request = self.archera(Method::POST, &path).json(body);
        read(request.send().await.unwrap()).await
    }
}

/// A published spec.
pub(crate) struct Spec(Value);

impl Spec {
    pub(crate) fn scaleway() -> Self {
        let text = include_str!("../../specs/scaleway-partner-v1.openapi.json");
        let mut spec = serde_json::from_str(text).unwrap();
        spell_out_null(&mut spec);
        Self(spec)
    }

    pub(crate) fn archera() -> Self {
        let text = include_str!("../../specs/archera-partner-v2.openapi.json");
        Self(serde_json::from_str(text).unwrap())
    }

    /// The names of a schema's properties, sorted.
    pub(crate) fn properties(&self, schema: &str) -> Vec<&str> {
        let properties = &self.0["components"]["schemas"][schema]["properties"];
        properties.as_object().unwrap().keys().map(String::as_str).collect()
    }

    /// Fails where `value` does not fit the schema.
    pub(crate) fn check(&self, schema: &str, value: &Value) {
        let document = json!({
            "$ref": format!("#/components/schemas/{schema}"),
            "components": self.0["components"],
        });
        let validator =
            jsonschema::options().should_validate_formats(true).build(&document).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{schema}: {errors:?}\n{value:#}");
    }
}

/// Turns the `nullable` of older OpenAPI into the `null` type that JSON Schema knows.
fn spell_out_null(node: &mut Value) {
    match node {
        Value::Object(fields) => {
            if fields.remove("nullable") == Some(json!(true)) {
                let kind = fields["type"].take();
                fields["type"] = json!([kind, "null"]);
            }
            fields.values_mut().for_each(spell_out_null);
        }
        Value::Array(items) => items.iter_mut().for_each(spell_out_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
