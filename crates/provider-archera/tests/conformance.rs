//! The adapter against the simulated provider, over HTTP: the run that every provider passes, and what is
//! sent.

use std::time::Duration;

use partner_core::{
    Effect, EmailAddress, Kind, NewChildOrg, NewMember, OrgQuery, PartnerProvider, ProviderName,
    ProviderOrgId, Role,
    testing::conformance::{Fixture, run_all},
};
use provider_archera::{ArcheraConfig, ArcheraProvider, ConfigError};
use sandbox::{Answer, Fault, FaultRule, Operation, Sandbox, SandboxConfig};

fn config(sandbox: &Sandbox, list_orgs: bool) -> ArcheraConfig {
    ArcheraConfig {
        name: ProviderName::new("archera").expect("a name"),
        base_url: sandbox.archera_url().parse().expect("a URL"),
        partner_org_id: sandbox.archera_partner_org_id().to_string(),
        api_key: sandbox.archera_api_key().into(),
        next_api_key: None,
        ca_pem: None,
        list_orgs,
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
    }
}

async fn start(list_orgs: bool) -> (Sandbox, ArcheraProvider) {
    let sandbox =
        Sandbox::start(SandboxConfig { archera_list_orgs: list_orgs, ..SandboxConfig::default() });
    let sandbox = sandbox.await.expect("a sandbox");
    let provider = ArcheraProvider::new(config(&sandbox, list_orgs));
    (sandbox, provider.expect("a client"))
}

fn new_org(name: &str) -> NewChildOrg {
    NewChildOrg {
        customer_id: "cust-1".to_owned(),
        name: name.to_owned(),
        owner: None,
        siren_number: None,
        domain: None,
        address: None,
        marketplace_offers: None,
        members: Vec::new(),
        comment: None,
        labra_subscription_id: None,
    }
}

fn member(email: &str, role: Option<Role>) -> NewMember {
    NewMember { email: EmailAddress::new(email).expect("an address"), role }
}

#[tokio::test]
async fn archera_conforms_as_it_is_documented() {
    let (_sandbox, provider) = start(false).await;
    let run = run_all(&provider, &Fixture::full().unwrap()).await;
    assert_eq!(run, Ok(()));
}

#[tokio::test]
async fn archera_conforms_where_its_key_may_list() {
    let (_sandbox, provider) = start(true).await;
    let run = run_all(&provider, &Fixture::full().unwrap()).await;
    assert_eq!(run, Ok(()));
}

#[tokio::test]
async fn people_come_with_the_registration_in_their_roles() {
    let (sandbox, provider) = start(false).await;
    let new = NewChildOrg {
        members: vec![
            member("boss@acme.test", Some(Role::Admin)),
            member("rep@acme.test", Some(Role::CloudRep)),
        ],
        ..new_org("Acme Inc")
    };
    let org = provider.create_child_org(&new).await.unwrap();
    let roles: Vec<_> = org.members.iter().map(|member| member.role).collect();
    assert_eq!(roles, [Some(Role::Admin), Some(Role::CloudRep)]);
    assert_eq!(sandbox.control().archera_orgs().len(), 1);
}

#[tokio::test]
async fn a_key_that_may_not_list_is_told_so() {
    let (sandbox, _) = start(false).await;
    let hopeful = ArcheraProvider::new(config(&sandbox, true)).unwrap();
    let listed = hopeful.find_child_orgs(&OrgQuery::default(), None).await;
    assert_eq!(listed.unwrap_err().kind(), Kind::PermissionDenied);
}

#[tokio::test]
async fn what_is_lost_on_the_way_back_is_unknown_and_sent_once() {
    let (sandbox, provider) = start(false).await;
    let answers = [
        Answer::Reset,
        Answer::HalfBody,
        Answer::BadGatewayHtml,
        Answer::EmptySuccess,
        Answer::SuccessWithoutId,
        Answer::Redirect { status: 307 },
    ];
    for (made, answer) in (1..).zip(answers) {
        let fault = Fault::after(answer.clone());
        let rule = FaultRule::next(Operation::RegisterOrg, fault);
        sandbox.control().inject(rule).unwrap();
        let error = provider.create_child_org(&new_org("Acme")).await;
        assert_eq!(error.unwrap_err().effect(), Effect::Unknown, "{answer:?}");
        assert_eq!(sandbox.control().archera_orgs().len(), made, "{answer:?}");
    }
}

#[tokio::test]
async fn a_partner_id_that_leads_out_of_the_path_is_refused() {
    let (sandbox, provider) = start(false).await;
    for odd in ["", "..", "a/b", "a b", "é"] {
        let made = ArcheraProvider::new(ArcheraConfig {
            partner_org_id: odd.to_owned(),
            ..config(&sandbox, false)
        });
        assert!(matches!(made, Err(ConfigError::PartnerOrgId)), "{odd:?}");
    }
    for odd in ["../../x", "org-77", "7A1F3C52-6D0E-4B7A-9A41-2F0C5D1E8B90"] {
        let odd = ProviderOrgId::from_stored(odd).unwrap();
        let invited = provider.invite_members(&odd, &[member("one@acme.test", None)]).await;
        assert_eq!(invited.unwrap_err().effect(), Effect::NotSent, "{odd}");
    }
    assert!(sandbox.control().requests().is_empty());
}
