//! A replica's way to a provider: requests are lost on it, answers are lost, things land late.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use partner_core::{
    AdminSeat, Capabilities, ChildOrg, ChildOrgPatch, Effect, Error, Kind, Member, NewChildOrg,
    NewMember, OrgQuery, Page, PageToken, PartnerProvider, ProviderName, ProviderOrgId, Reply,
    Result,
};
use provider_http::TRACE_CONTEXT;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    fate::{Answer, CallFate, draw_read, draw_write},
    faults::Fault,
    record::short,
    switch::{Switch, When},
    upstream::Upstream,
    world::World,
};

/// How many organizations a page of a listing is cut from: few, so that a listing has several.
const PAGE: usize = 12;

/// A replica's view of one account.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) world: Arc<World>,
    pub(super) switch: Arc<Switch>,
    pub(super) account: usize,
    pub(super) name: ProviderName,
    pub(super) capabilities: Capabilities,
}

/// The operation that a call is made for: the engine runs it in the operation's own trace.
fn present_operation() -> Uuid {
    let trace = TRACE_CONTEXT.try_with(|context| u128::from_be_bytes(context.trace_id));
    Uuid::from_u128(trace.unwrap_or_default())
}

/// The trace by which a call is known to belong to an operation.
pub(super) fn trace_of(operation: Uuid) -> String {
    format!("00-{:032x}-{:016x}-00", operation.as_u128(), 1)
}

type Work<T> = Box<dyn FnOnce(&World, &Upstream) -> Result<T> + Send>;

impl Port {
    /// One write, for whatever operation the task works.
    async fn write<T: Send + 'static>(
        &self,
        point: &'static str,
        work: Work<T>,
    ) -> Result<Reply<T>> {
        let world = &self.world;
        self.switch.pass(world, point, When::Before).await;
        let operation = present_operation();
        world.check_send(operation);
        let fate = draw_write(world, self.account);
        let name = &self.switch.name;
        world.record.step(|| format!("{name} sends {} {point}: {fate:?}", short(operation)));
        self.note_sent(operation, &fate);
        let answered = self.meet(operation, fate, work).await;
        self.switch.pass(world, point, When::After).await;
        answered
    }

    async fn meet<T: Send + 'static>(
        &self,
        operation: Uuid,
        fate: CallFate,
        work: Work<T>,
    ) -> Result<Reply<T>> {
        match fate {
            CallFate::Fails { after, error } => {
                tokio::time::sleep(after).await;
                Err(error())
            }
            CallFate::Limited { retry_after } => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(limited(retry_after))
            }
            CallFate::Lands { after, answer } => {
                let landed = self.put_on_the_wire(operation, after, work);
                match answer {
                    Answer::Whole { after } => {
                        let result = landed.await.unwrap_or_else(|_gone| Err(lost()));
                        tokio::time::sleep(after).await;
                        if result.as_ref().is_err_and(|error| error.effect() != Effect::Unknown) {
                            self.note_proof(operation);
                        }
                        result.map(|value| {
                            let number = self.world.number();
                            Reply { value, request_id: Some(format!("request-{number}")) }
                        })
                    }
                    Answer::Broken { after } => {
                        // Whether or not it was done, nothing of it is told.
                        drop(landed.await);
                        tokio::time::sleep(after).await;
                        Err(lost())
                    }
                    Answer::Never { gives_up_after } => {
                        tokio::time::sleep(gives_up_after).await;
                        Err(lost())
                    }
                }
            }
        }
    }

    /// The request goes its way, whether or not anybody waits for it any more.
    fn put_on_the_wire<T: Send + 'static>(
        &self,
        operation: Uuid,
        after: Duration,
        work: Work<T>,
    ) -> oneshot::Receiver<Result<T>> {
        let (tell, told) = oneshot::channel();
        let (world, account) = (Arc::clone(&self.world), self.account);
        let point = move || format!("{} lands", short(operation));
        self.world.wire.spawn(async move {
            tokio::time::sleep(after).await;
            let Some(upstream) = world.upstreams.get(account) else { return };
            let result = work(&world, upstream);
            world.record.step(|| format!("{}: {}", point(), result.is_ok()));
            let mut state = upstream.state();
            let sent = state.sent.entry(operation).or_default();
            sent.on_the_wire = sent.on_the_wire.saturating_sub(1);
            sent.applied += u32::from(result.is_ok());
            drop(state);
            // Nobody may be waiting.
            drop(tell.send(result));
        });
        told
    }

    fn note_sent(&self, operation: Uuid, fate: &CallFate) {
        let Some(upstream) = self.world.upstreams.get(self.account) else { return };
        let mut state = upstream.state();
        let made = state.made_by(operation);
        let was_made = made.is_some_and(|child| !child.is_beyond_knowing());
        let sent = state.sent.entry(operation).or_default();
        sent.calls += 1;
        sent.doubtful += u32::from(fate.is_doubtful());
        let may_be_made = was_made || sent.on_the_wire > 0;
        if matches!(fate, CallFate::Lands { .. }) {
            sent.on_the_wire += 1;
        }
        drop(state);
        let kind = self.world.tables().operation(operation).map(|operation| operation.kind);
        if may_be_made && kind == Some(partner_gateway::store::OperationKind::Create) {
            self.world.record.violate(|| {
                format!("{} was sent again though it was, or may be, done", short(operation))
            });
        }
    }

    /// The caller was told that it was not done.
    fn note_proof(&self, operation: Uuid) {
        let Some(upstream) = self.world.upstreams.get(self.account) else { return };
        let mut state = upstream.state();
        let sent = state.sent.entry(operation).or_default();
        sent.doubtful = sent.doubtful.saturating_sub(1);
    }

    async fn read<T>(&self, work: impl FnOnce(&World, &Upstream) -> Result<T>) -> Result<Reply<T>> {
        let world = &self.world;
        self.switch.pass(world, "read", When::Before).await;
        let fate = draw_read(world, self.account);
        let answered = match fate {
            Ok(after) => {
                tokio::time::sleep(after).await;
                match world.upstreams.get(self.account) {
                    Some(upstream) => work(world, upstream),
                    None => Err(lost()),
                }
            }
            Err((after, error)) => {
                tokio::time::sleep(after).await;
                Err(error)
            }
        };
        self.switch.pass(world, "read", When::After).await;
        answered.map(|value| Reply { value, request_id: None })
    }

    fn require(&self, can: bool, what: &str) -> Result<()> {
        if can { Ok(()) } else { Err(Error::unsupported(what)) }
    }
}

pub(super) fn lost() -> Error {
    Error::new(Kind::Unavailable, Effect::Unknown, "no usable answer came")
}

fn limited(retry_after: Option<Duration>) -> Error {
    Error::new(Kind::RateLimited, Effect::NotApplied, "too many requests")
        .with_retry_after(retry_after)
}

#[async_trait]
impl PartnerProvider for Port {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn create_child_org(&self, new: &NewChildOrg) -> Result<Reply<ChildOrg>> {
        let (new, made_by) = (new.clone(), present_operation());
        let lag = self.world.draws.time(Duration::ZERO, self.world.terms.settle / 3);
        let work: Work<ChildOrg> = Box::new(move |world, upstream| {
            let id = Uuid::from_u128(world.id().as_u128() | (0xc << 124)).to_string();
            let made = upstream.create(&new, Some(made_by), &id, world.now(), lag);
            if made.is_err() {
                world.record.reached(Fault::EmailTaken);
            }
            made
        });
        self.write("send", work).await
    }

    async fn get_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        self.require(self.capabilities.get, "read an organization")?;
        self.read(|world, upstream| {
            let found = upstream.get(id.as_str(), world.now());
            if found.is_err() {
                world.record.reached(Fault::LaggingList);
            }
            found
        })
        .await
    }

    async fn find_child_orgs(
        &self,
        query: &OrgQuery,
        page: Option<&PageToken>,
    ) -> Result<Reply<Page<ChildOrg>>> {
        self.require(self.capabilities.list, "list organizations")?;
        let start: usize = page.and_then(|page| page.0.parse().ok()).unwrap_or(0);
        // A page is cut from all there is, and may show nothing that was asked for.
        self.read(|world, upstream| {
            let now = world.now();
            if upstream.is_lagging(now) {
                world.record.reached(Fault::LaggingList);
            }
            let (items, is_last) = upstream.page(query, start, PAGE, now)?;
            if start >= PAGE * 2 {
                world.record.reached(Fault::PagedList);
            }
            let next = (!is_last).then(|| PageToken((start + PAGE).to_string()));
            Ok(Page { items, next, total_count: None, mismatch: None })
        })
        .await
    }

    async fn update_child_org(
        &self,
        id: &ProviderOrgId,
        patch: &ChildOrgPatch,
    ) -> Result<Reply<ChildOrg>> {
        self.require(!self.capabilities.update_fields.is_empty(), "change an organization")?;
        let (id, patch) = (id.clone(), patch.clone());
        let work: Work<ChildOrg> =
            Box::new(move |world, upstream| upstream.update(id.as_str(), &patch, world.now()));
        self.write("send", work).await
    }

    async fn lock_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        self.set_lock(id, true).await
    }

    async fn unlock_child_org(&self, id: &ProviderOrgId) -> Result<Reply<ChildOrg>> {
        self.set_lock(id, false).await
    }

    async fn invite_members(
        &self,
        id: &ProviderOrgId,
        members: &[NewMember],
    ) -> Result<Reply<Vec<Member>>> {
        self.require(self.capabilities.invite, "invite members")?;
        let id = id.clone();
        let invited: BTreeMap<String, Member> = members
            .iter()
            .map(|new| Member { email: new.email.clone(), role: new.role })
            .map(|member| (member.email.as_str().to_owned(), member))
            .collect();
        let work: Work<Vec<Member>> = Box::new(move |_, upstream| {
            let is_there = upstream.state().children.iter().any(|child| child.id == id.as_str());
            there(is_there).map(|()| invited.into_values().collect())
        });
        self.write("send", work).await
    }

    async fn request_admin_role(&self, id: &ProviderOrgId, _seat: &AdminSeat) -> Result<Reply<()>> {
        self.require(self.capabilities.admin_role, "give the partner a seat")?;
        let id = id.clone();
        let work: Work<()> = Box::new(move |world, upstream| {
            upstream.change(id.as_str(), world.now(), |_| {}).map(|_| ())
        });
        self.write("seat", work).await
    }
}

impl Port {
    async fn set_lock(&self, id: &ProviderOrgId, locked: bool) -> Result<Reply<ChildOrg>> {
        self.require(self.capabilities.lock, "lock an organization")?;
        let id = id.clone();
        let work: Work<ChildOrg> = Box::new(move |world, upstream| {
            upstream.change(id.as_str(), world.now(), |child| {
                if child.is_locked_by_partner && !locked && child.provider_lock.is_some() {
                    world.record.reached(Fault::ProviderLockUnderOurs);
                }
                child.is_locked_by_partner = locked;
            })
        });
        self.write("send", work).await
    }
}

fn there(is_there: bool) -> Result<()> {
    if is_there {
        return Ok(());
    }
    Err(Error::new(Kind::NotFound, Effect::NotApplied, "there is no such organization"))
}
