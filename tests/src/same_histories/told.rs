//! What a side answered, in words that hold no time.

use partner_gateway::store::{BeginCreate, BeginUpdate, Operation, Recorded, Refused, StoreResult};

use super::sides::Side;

/// What a side answered, in words that hold no time.
pub(super) fn told<T>(answer: StoreResult<T>, tell: impl FnOnce(T) -> String) -> String {
    match answer {
        Ok(value) => tell(value),
        Err(error) => match error.constraint() {
            Some(constraint) => format!("refused by {constraint}"),
            None => format!("failed: {error}"),
        },
    }
}

fn tell_operation(operation: &Operation) -> String {
    format!("{} {} epoch {}", operation.id, operation.state, operation.epoch)
}

pub(super) fn tell_operations(operations: &[Operation]) -> String {
    let mut all: Vec<String> = operations.iter().map(tell_operation).collect();
    // The database answers them in no order.
    all.sort();
    all.join(", ")
}

pub(super) fn tell_create(side: &mut impl Side, begun: StoreResult<BeginCreate>) -> String {
    told(begun, |begun| match begun {
        BeginCreate::Begun(operation) => {
            let text = format!("begun {}", tell_operation(&operation));
            side.see(*operation);
            text
        }
        BeginCreate::AlreadyMapped(org) => format!("mapped {} version {}", org.id, org.version),
        BeginCreate::Replay(record) => format!("replay {:?}", record.operation_ids),
    })
}

pub(super) fn tell_begun(side: &mut impl Side, begun: StoreResult<BeginUpdate<()>>) -> String {
    told(begun, |begun| match begun {
        BeginUpdate::Begun(operation, before) => {
            let text = format!("begun {} after {}", tell_operation(&operation), before.version);
            side.see(*operation);
            text
        }
        BeginUpdate::Done(org) => format!("done version {} {}", org.version, org.customer_id),
        BeginUpdate::NotFound => "not found".to_owned(),
        BeginUpdate::Refused(Refused::ByCheck(())) => "refused by the check".to_owned(),
        BeginUpdate::Refused(Refused::CustomerTaken(by)) => format!("taken by {by}"),
        BeginUpdate::Refused(Refused::Busy) => "busy".to_owned(),
        BeginUpdate::Refused(Refused::SettledBefore) => "settled before".to_owned(),
        BeginUpdate::Replay(record) => format!("replay {:?}", record.operation_ids),
    })
}

pub(super) fn tell_recorded(side: &mut impl Side, recorded: StoreResult<Recorded>) -> String {
    told(recorded, |recorded| match recorded {
        Recorded::Applied(operation) => {
            let text = format!("applied {}", tell_operation(&operation));
            side.see(*operation);
            text
        }
        Recorded::Fenced => "fenced".to_owned(),
    })
}
