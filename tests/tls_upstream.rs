//! Providers and the identity provider by TLS: whose certificates are believed, and that nothing is sent
//! where they are not.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use partner_gateway::config::CaBundle;
use rcgen::{CertificateParams, SanType};
use sandbox::Operation;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::harness::{Authority, Client, Settings, World, cloud_customer, commitments_customer};

const CREATES: &str = "/v1/organizations";

fn bundle(pem: &str) -> CaBundle {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    CaBundle::read(file.path()).unwrap()
}

/// Has the gateways that are started from now on reach Scaleway and Archera there.
fn reach(world: &mut World, at: [SocketAddr; 2], ca: Option<CaBundle>) {
    world.reconfigure(|config| {
        for (provider, at) in config.providers.iter_mut().zip(at) {
            provider.base_url = format!("https://{at}").parse().unwrap();
            provider.ca = ca.clone();
        }
    });
}

/// Asks for a create at each provider, which must stay as it was accepted, and answers both.
async fn accepted(client: &Client, customer: &str) -> [Value; 2] {
    let mut both = [Value::Null, Value::Null];
    for (place, body) in
        [cloud_customer(customer), commitments_customer(customer)].iter().enumerate()
    {
        let asked = client.post(CREATES, body).respond_async().await.expect(202);
        let path = format!("/v1/operations/{}?wait=2", asked["id"].as_str().unwrap());
        // It is tried, and what was tried is put back.
        let tried = loop {
            let seen = client.get(&path).await.expect(200);
            if seen["attempts"] != 0 && seen["state"] == "accepted" {
                break seen;
            }
            assert!(seen["state"] == "accepted" || seen["state"] == "sending", "{seen}");
        };
        both[place] = tried;
    }
    both
}

fn settings() -> Settings {
    Settings { gateways: 0, ..Settings::default() }
}

fn plain(url: &str) -> SocketAddr {
    url.rsplit_once("//").unwrap().1.parse().unwrap()
}

async fn in_front(world: &World, authority: &Authority) -> [SocketAddr; 2] {
    let pair = authority.certify();
    let [scaleway, archera] = world.provider_urls().map(|url| plain(&url));
    [pair.in_front_of(scaleway).await, pair.in_front_of(archera).await]
}

#[tokio::test]
async fn row_6_a_certificate_that_is_not_believed_has_nothing_sent_and_succeeds_once_it_is() {
    let authority = Authority::new();
    let mut world = World::with(settings()).await;
    let at = in_front(&world, &authority).await;
    let providers = world.providers();
    let stranger = bundle(&Authority::new().pem());
    for ca in [None, Some(stranger)] {
        reach(&mut world, at, ca);
        world.add_gateway().await;
        let name = format!("c-{}", providers.requests().len());
        for operation in accepted(&world.client(), &name).await {
            assert_eq!(operation["state"], "accepted", "{operation}");
        }
        assert_eq!(providers.requests().len(), 0, "nothing was sent");
        world.stop_gateway().await;
    }
    reach(&mut world, at, Some(bundle(&authority.pem())));
    world.add_gateway().await;
    let client = world.client();
    let open = client.get("/v1/operations?state=accepted").await.expect(200);
    for operation in open["items"].as_array().unwrap() {
        let ended = client.settled(operation["id"].as_str().unwrap()).await;
        assert_eq!(ended["state"], "succeeded", "{ended}");
    }
    for create in [Operation::CreateOrganization, Operation::RegisterOrg] {
        assert_eq!(providers.tally(create).received, 1, "{create}");
    }
    world.finish().await;
}

#[tokio::test]
async fn row_6_a_certificate_of_another_time_or_name_has_nothing_sent() {
    let authority = Authority::new();
    let expired = authority.certify_as(|params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let to_come = authority.certify_as(|params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2901, 1, 1);
        params.not_after = rcgen::date_time_ymd(2902, 1, 1);
    });
    let of_another = authority.certify_as(|params: &mut CertificateParams| {
        params.subject_alt_names = vec![SanType::DnsName("api.acme.test".try_into().unwrap())];
    });
    let mut world = World::with(settings()).await;
    let [scaleway, archera] = world.provider_urls().map(|url| plain(&url));
    for pair in [expired, to_come, of_another] {
        let at = [pair.in_front_of(scaleway).await, pair.in_front_of(archera).await];
        reach(&mut world, at, Some(bundle(&authority.pem())));
        world.add_gateway().await;
        accepted(&world.client(), "c-1").await;
        world.stop_gateway().await;
    }
    assert_eq!(world.providers().requests().len(), 0);
    world.finish().await;
}

#[tokio::test]
async fn row_6_a_handshake_that_is_cut_has_nothing_sent() {
    let authority = Authority::new();
    let mut world = World::with(settings()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let cut = Arc::new(AtomicUsize::new(0));
    let tasks = TaskTracker::new();
    let counted = Arc::clone(&cut);
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Once the first of its words has come, so that it is in the middle.
            stream.readable().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    reach(&mut world, [at, at], Some(bundle(&authority.pem())));
    world.add_gateway().await;
    accepted(&world.client(), "c-1").await;
    assert!(cut.load(Ordering::SeqCst) >= 2);
    let at = in_front(&world, &authority).await;
    world.stop_gateway().await;
    reach(&mut world, at, Some(bundle(&authority.pem())));
    world.add_gateway().await;
    let client = world.client();
    let open = client.get("/v1/operations").await.expect(200);
    for operation in open["items"].as_array().unwrap() {
        let ended = client.settled(operation["id"].as_str().unwrap()).await;
        assert_eq!(ended["state"], "succeeded", "{ended}");
    }
    world.finish().await;
}

#[tokio::test]
async fn the_key_set_is_fetched_from_whom_the_file_names_and_nobody_else() {
    let authority = Authority::new();
    let identity = wiremock::MockServer::start().await;
    let no_keys = wiremock::ResponseTemplate::new(200).set_body_json(json!({"keys": []}));
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(no_keys).mount(&identity).await;
    let at = authority.certify().in_front_of(*identity.address()).await;
    let mut world = World::with(settings()).await;
    for (ca, fetched) in [(None, 0), (Some(bundle(&authority.pem())), 1)] {
        world.reconfigure(|config| {
            config.auth.key = partner_gateway::config::AuthKey::Jwks {
                url: format!("https://{at}/keys").parse().unwrap(),
                algorithms: vec![partner_gateway::config::SigningAlgorithm::Es256],
                ca,
                max_stale: std::time::Duration::from_secs(3600),
            };
        });
        world.add_gateway().await;
        let token = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30.AA";
        let reply = world.anonymous().with_token(token).get("/v1/providers").await;
        reply.problem(503, "keys_unavailable");
        let seen = identity.received_requests().await.unwrap().len();
        assert_eq!(seen, fetched, "times that the key set was fetched");
        world.stop_gateway().await;
    }
    world.finish().await;
}
