//! What `dev` prints: where everything is, `name: value` a line, and what to try first.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use sandbox::Sandbox;
use secrecy::{ExposeSecret, SecretString};

/// What there is to show.
pub(super) struct Shown<'a> {
    pub(super) api: SocketAddr,
    /// The API is served by TLS.
    pub(super) tls: bool,
    /// Where the console is, which may be elsewhere.
    pub(super) console: SocketAddr,
    pub(super) sandbox: &'a Sandbox,
    pub(super) token: &'a SecretString,
}

/// A customer at Scaleway, whose owner is needed there.
const CLOUD_CUSTOMER: &str = r#"{"customer_id": "cust-1", "name": "Acme SAS", "owner": {"email": "owner@acme.test", "first_name": "Ada", "last_name": "Martin"}}"#;
/// One at Archera, by the routing rule for its label.
const COMMITMENTS_CUSTOMER: &str = r#"{"customer_id": "cust-1", "name": "Acme SAS", "domain": "acme.test", "labels": {"product": "commitments"}}"#;

impl Shown<'_> {
    /// Writes it to standard output, at once.
    pub(super) fn write(&self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(self.text().as_bytes())?;
        stdout.flush()
    }

    fn text(&self) -> String {
        let scheme = |tls| if tls { "https" } else { "http" };
        let (api, console) = (reachable(self.api), reachable(self.console));
        let console = format!("{}://{console}/ops", scheme(self.tls && api == console));
        let (api, sandbox) = (format!("{}://{api}", scheme(self.tls)), self.sandbox);
        let mut text = String::new();
        for (name, value) in [
            ("api", api.clone()),
            ("docs", format!("{api}/docs")),
            ("console", console),
            ("sandbox scaleway", sandbox.scaleway_url()),
            ("sandbox archera", sandbox.archera_url()),
            ("scaleway secret key", sandbox.scaleway_secret_key().to_owned()),
            ("scaleway partner id", sandbox.scaleway_partner_id().to_string()),
            ("archera api key", sandbox.archera_api_key().to_owned()),
            ("archera partner org id", sandbox.archera_partner_org_id().to_string()),
            ("token", self.token.expose_secret().to_owned()),
        ] {
            text.push_str(&format!("{name}: {value}\n"));
        }
        for body in [CLOUD_CUSTOMER, COMMITMENTS_CUSTOMER] {
            text.push('\n');
            text.push_str(&self.curl(&api, body));
        }
        text
    }

    fn curl(&self, api: &str, body: &str) -> String {
        let token = self.token.expose_secret();
        format!(
            "curl -sS -w '\\n' -X POST {api}/v1/organizations -H 'Authorization: Bearer {token}' \
             -H 'Content-Type: application/json' -d '{body}'\n"
        )
    }
}

/// The address to call for one that listens on all of them.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_all_interfaces_is_called_by_loopback() {
        let shown = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(shown("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(shown("[::]:8080"), "[::1]:8080");
        assert_eq!(shown("192.0.2.1:8080"), "192.0.2.1:8080");
    }
}
