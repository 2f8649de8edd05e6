//! Breadth first through every state that can be reached, so that the first trace found is a shortest.

use std::collections::{HashMap, HashSet, VecDeque};

use partner_gateway::store::OperationState;

use super::{
    moves::{Move, Steps, What},
    scenario::Scenario,
    state::State,
    violation::Violation,
};

/// What a search found.
#[derive(Debug)]
pub(super) struct Findings {
    /// Different states reached.
    pub(super) states: u64,
    /// The first promise that was broken, and the shortest way there.
    pub(super) violation: Option<(Violation, Vec<Move>)>,
    /// Every state that can be reached was.
    pub(super) is_whole: bool,
    /// States from which nothing the machine can do leads to an end or to the operator's queue.
    pub(super) stuck: u64,
    /// The shortest way to one of them.
    pub(super) stuck_trace: Vec<Move>,
    /// Every step that was taken somewhere.
    pub(super) seen: HashSet<What>,
}

/// Looks at every state, but gives up where there are more than `most`. Ends at the first violation.
pub(super) fn search(scenario: &Scenario, most: usize) -> Findings {
    let mut search = Search::new(scenario);
    let violation = search.run(most);
    let is_whole = search.frontier.is_empty();
    let (stuck, stuck_trace) =
        if violation.is_none() && is_whole { search.find_stuck() } else { (0, Vec::new()) };
    let states = u64::try_from(search.parents.len()).unwrap_or(u64::MAX);
    Findings { states, violation, is_whole, stuck, stuck_trace, seen: search.seen }
}

struct Search<'a> {
    scenario: &'a Scenario,
    known: HashMap<u128, u32>,
    /// From where each state was reached first, and by which of the steps from there.
    parents: Vec<(u32, u16)>,
    at_rest: Vec<bool>,
    /// Steps that do not need an operator, from and to.
    edges: Vec<(u32, u32)>,
    frontier: VecDeque<(u32, State)>,
    seen: HashSet<What>,
}

impl<'a> Search<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let mut search = Self {
            scenario,
            known: HashMap::new(),
            parents: Vec::new(),
            at_rest: Vec::new(),
            edges: Vec::new(),
            frontier: VecDeque::new(),
            seen: HashSet::new(),
        };
        search.reach(State::START, (0, 0));
        search
    }

    fn reach(&mut self, state: State, parent: (u32, u16)) -> u32 {
        let next = u32::try_from(self.parents.len()).unwrap_or(u32::MAX);
        let id = *self.known.entry(state.fingerprint()).or_insert(next);
        if id == next {
            self.parents.push(parent);
            self.at_rest.push(is_at_rest(self.scenario, &state));
            self.frontier.push_back((id, state));
        }
        id
    }

    fn run(&mut self, most: usize) -> Option<(Violation, Vec<Move>)> {
        while self.parents.len() <= most
            && let Some((id, state)) = self.frontier.pop_front()
        {
            let steps = Steps::of(self.scenario, state);
            for (ordinal, (step, to)) in (0..).zip(steps) {
                self.seen.insert(step.what);
                let to = match to {
                    Ok(to) => self.reach(to, (id, ordinal)),
                    Err(violation) => {
                        let mut trace = self.trace(id);
                        trace.push(step);
                        return Some((violation, trace));
                    }
                };
                if !step.what.is_by_operator() && to != id {
                    self.edges.push((id, to));
                }
            }
        }
        None
    }

    /// The way to a state, walked again from the start.
    fn trace(&self, mut id: u32) -> Vec<Move> {
        let mut ordinals = Vec::new();
        while id != 0 {
            let (parent, ordinal) = self.parents[id as usize];
            ordinals.push(usize::from(ordinal));
            id = parent;
        }
        let mut state = State::START;
        let mut trace = Vec::with_capacity(ordinals.len());
        for ordinal in ordinals.into_iter().rev() {
            let (step, to) = Steps::of(self.scenario, state).swap_remove(ordinal);
            trace.push(step);
            if let Ok(to) = to {
                state = to;
            }
        }
        trace
    }

    /// Walks backwards from the states that are at rest; what is not reached so is stuck.
    fn find_stuck(&mut self) -> (u64, Vec<Move>) {
        self.edges.sort_unstable_by_key(|(_, to)| *to);
        let mut can_rest = self.at_rest.clone();
        let mut open: Vec<u32> =
            (0_u32..).zip(&self.at_rest).filter_map(|(id, rests)| rests.then_some(id)).collect();
        while let Some(id) = open.pop() {
            let first = self.edges.partition_point(|(_, to)| *to < id);
            for (from, _) in self.edges[first..].iter().take_while(|(_, to)| *to == id) {
                if !std::mem::replace(&mut can_rest[*from as usize], true) {
                    open.push(*from);
                }
            }
        }
        let stuck: Vec<u32> =
            (0_u32..).zip(&can_rest).filter_map(|(id, can)| (!can).then_some(id)).collect();
        let trace = stuck.first().map(|id| self.trace(*id)).unwrap_or_default();
        (u64::try_from(stuck.len()).unwrap_or(u64::MAX), trace)
    }
}

/// Everything that was asked for has ended, is in the operator's queue, or waits behind what is there.
fn is_at_rest(scenario: &Scenario, state: &State) -> bool {
    let rows = &state.ops[..scenario.kinds.len()];
    let is_queued = |op: usize| rows[op].state == Some(OperationState::Quarantined);
    (0..rows.len()).all(|op| match rows[op].state {
        Some(
            OperationState::Succeeded | OperationState::Rejected | OperationState::Quarantined,
        ) => true,
        Some(OperationState::Accepted) => scenario.one_organization && (0..op).any(is_queued),
        None | Some(OperationState::Sending | OperationState::Unknown) => false,
    })
}
