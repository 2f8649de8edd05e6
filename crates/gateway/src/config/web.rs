//! Addresses on the web that we send secrets to or believe keys from.

use url::{Host, Url};

use super::reader::Reader;

impl Reader {
    /// An absolute `https` URL, or an `http` one of this machine; without credentials, query and
    /// fragment.
    pub(super) fn secure_url(&mut self, key: &'static str) -> Option<Url> {
        self.secure_url_as_given(key).map(|(_, url)| url)
    }

    /// The same, with its text: a URL may say of itself more than one way what is the same place.
    pub(super) fn secure_url_as_given(&mut self, key: &'static str) -> Option<(String, Url)> {
        let text = self.string(key)?;
        let judged = Url::parse(&text)
            .map_err(|error| format!("is not an absolute URL: {error}"))
            .and_then(judge);
        match judged {
            Ok(url) => Some((text, url)),
            Err(message) => {
                self.fault(key, message);
                None
            }
        }
    }
}

fn judge(url: Url) -> Result<Url, String> {
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err("must be https; http is for loopback addresses alone".to_owned()),
        _other => return Err("must be an https URL".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must hold no user name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no query and no fragment".to_owned());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<Url, String> {
        judge(Url::parse(text).unwrap())
    }

    #[test]
    fn takes_https_and_http_of_this_machine() {
        for text in [
            "https://api.acme.test",
            "https://api.acme.test:8443/base",
            "http://127.0.0.1:9000",
            "http://127.8.0.1",
            "http://[::1]:9000",
            "http://localhost:9000/keys",
        ] {
            assert!(verdict(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_what_could_be_read_on_the_way() {
        for text in [
            "http://api.acme.test",
            "http://10.0.0.1",
            "http://localhost.acme.test",
            "http://127.0.0.1.acme.test",
            "ftp://127.0.0.1",
            "file:///etc/keys",
            "https://user:word@api.acme.test",
            "https://user@api.acme.test",
            "https://api.acme.test/?key=1",
            "https://api.acme.test/#keys",
        ] {
            assert!(verdict(text).is_err(), "{text}");
        }
    }
}
