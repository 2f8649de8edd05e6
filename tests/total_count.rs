//! Listings whose end disagrees with the provider's own count, and listings that change while they are read.

use sandbox::{Answer, Fault, FaultRule, Operation, Provider};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Settings, World, cloud_customer};

const LIST: Operation = Operation::ListOrganizations;

fn counting(total_count: u64) -> Fault {
    Fault::after(Answer::TotalCount { total_count })
}

async fn swept(world: &World) -> Value {
    let path = "/v1/providers/scaleway/sweep";
    let ended = world.admin().post(path, &json!({})).wait(60).await.expect(202);
    assert_ne!(ended["state"], "running", "{ended}");
    ended
}

async fn import(world: &World) {
    let ended = world.command("import --provider scaleway --apply --tenant crm").run().await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

async fn mapped(world: &World) -> u64 {
    let page = world.admin().get("/v1/organizations?limit=1&include_total=true").await.expect(200);
    page["total_count"].as_u64().unwrap()
}

async fn discrepancies(world: &World) -> usize {
    let page = world.admin().get("/v1/discrepancies?limit=200").await.expect(200);
    page["items"].as_array().unwrap().len()
}

/// A world with mapped organizations, all of them judged at once.
async fn world_with(count: usize) -> (World, Vec<Uuid>) {
    let world = World::with(Settings { settle_window: "0s", ..Settings::default() }).await;
    let ids = world.providers().seed(Provider::Scaleway, count).unwrap();
    import(&world).await;
    (world, ids)
}

#[tokio::test]
async fn a_sweep_whose_count_does_not_agree_fails_and_proves_no_absence() {
    let (world, ids) = world_with(150).await;
    let providers = world.providers();
    providers.remove(ids[0]).unwrap();
    // Too low: a full page is followed by another one. Too high: the list ends with an empty page.
    for (counted, pages) in [(100, 2), (1000, 3)] {
        providers.clear_requests();
        providers.inject(FaultRule::always(LIST, counting(counted))).unwrap();
        let failed = swept(&world).await;
        assert_eq!((&failed["state"], &failed["listed"]), (&json!("failed"), &json!(149)));
        let error = failed["error"].as_str().unwrap();
        assert!(error.contains("after 149 organizations"), "{error}");
        assert!(error.contains(&format!("total_count is {counted}")), "{error}");
        assert_eq!(providers.tally(LIST).received, pages);
        assert_eq!(providers.tally(Operation::GetOrganization).received, 0);
        assert_eq!(discrepancies(&world).await, 0);
        providers.clear_faults();
    }
    // A count that is wrong for a while is no matter: the last one counts.
    providers.inject(FaultRule::next(LIST, counting(100))).unwrap();
    let whole = swept(&world).await;
    assert_eq!((&whole["state"], &whole["missing"]), (&json!("succeeded"), &json!(1)));
    world.finish().await;
}

#[tokio::test]
async fn a_failed_sweep_closes_no_discrepancy() {
    let (world, _) = world_with(1).await;
    let providers = world.providers();
    let stranger = providers.seed(Provider::Scaleway, 1).unwrap()[0];
    assert_eq!(swept(&world).await["unmapped"], 1);
    providers.remove(stranger).unwrap();
    providers.inject(FaultRule::always(LIST, counting(2))).unwrap();
    assert_eq!(swept(&world).await["state"], "failed");
    providers.clear_faults();
    let page = world.admin().get("/v1/discrepancies?state=open").await.expect(200);
    assert_eq!(
        page["items"].as_array().unwrap().len(),
        1,
        "it may be on a page that was not shown"
    );
    assert_eq!(swept(&world).await["state"], "succeeded");
    let page = world.admin().get("/v1/discrepancies?state=open").await.expect(200);
    assert_eq!(page["items"], json!([]));
    world.finish().await;
}

#[tokio::test]
async fn an_organization_that_is_created_between_two_pages_fails_no_sweep() {
    let (world, _) = world_with(150).await;
    let providers = world.providers();
    providers.clear_requests();
    let slow = FaultRule::next(LIST, Fault::Latency { millis: 500 }).skipping(1);
    providers.inject(slow).unwrap();
    let create = async {
        providers.until_received(LIST, 2).await;
        providers.seed(Provider::Scaleway, 1).unwrap();
    };
    let (swept, ()) = tokio::join!(swept(&world), create);
    assert_eq!((&swept["state"], &swept["listed"]), (&json!("succeeded"), &json!(151)), "{swept}");
    world.finish().await;
}

#[tokio::test]
async fn a_list_of_full_pages_ends_with_an_empty_one() {
    let (world, _) = world_with(200).await;
    world.providers().clear_requests();
    let swept = swept(&world).await;
    assert_eq!((&swept["state"], &swept["listed"]), (&json!("succeeded"), &json!(200)));
    assert_eq!(world.providers().tally(LIST).received, 3);
    world.finish().await;
}

#[tokio::test]
async fn an_import_whose_count_does_not_agree_exits_with_1() {
    let world = World::new().await;
    let providers = world.providers();
    providers.seed(Provider::Scaleway, 150).unwrap();
    providers.inject(FaultRule::always(LIST, counting(100))).unwrap();
    let run = || world.command("import --provider scaleway --apply --tenant crm").run();
    let ended = run().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.contains("the provider scaleway cannot be discovered"), "{last}");
    assert!(
        last.contains("after 150 organizations") && last.contains("total_count is 100"),
        "{last}"
    );
    assert_eq!(mapped(&world).await, 0);

    // The first listing agrees and the second does not: what was adopted until then stays.
    providers.clear_faults();
    providers.inject(FaultRule::always(LIST, counting(100)).skipping(2)).unwrap();
    let ended = run().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("what was adopted stays"), "{}", ended.stdout);
    assert!(ended.stderr.contains("total_count is 100"), "{}", ended.stderr);
    assert_eq!(mapped(&world).await, 150);
    world.finish().await;
}

#[tokio::test]
async fn a_read_back_whose_count_does_not_agree_proves_no_absence() {
    let world = World::new().await;
    let (client, providers) = (world.client(), world.providers());
    let lost = Fault::before(Answer::Reset);
    providers.inject(FaultRule::next(Operation::CreateOrganization, lost)).unwrap();
    providers.inject(FaultRule::always(LIST, counting(1))).unwrap();
    let create = client.post("/v1/organizations", &cloud_customer("c-1")).respond_async();
    let open = create.await.expect(202);
    // Two readings that found nothing would have it sent again.
    providers.until_received(LIST, 4).await;
    assert_eq!(providers.tally(Operation::CreateOrganization).received, 1);
    let path = format!("/v1/operations/{}", open["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.expect(200)["state"], "unknown");
    providers.clear_faults();
    let settled = client.settled(open["id"].as_str().unwrap()).await;
    assert_eq!(settled["state"], "succeeded", "{settled}");
    assert_eq!(providers.tally(Operation::CreateOrganization).received, 2);
    world.finish().await;
}
