//! `/v1/events`.

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    ListOut,
    event_out::EventOut,
    event_stream::{self, Reader, last_event_id, wants_stream},
};
use crate::{
    app::FeedRequest,
    http::{
        extract::{Authorized, Cursor, ListKind, QueryFields, scope},
        problem::Problem,
        state::ApiState,
        streams::Lifetime,
    },
    store::{EventType, FeedFilter},
};

/// The parameters of the feed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it gives the OpenAPI document its parameters")]
pub(crate) struct EventListParams {
    /// Begin after the event of this number; 0 is the beginning.
    #[param(minimum = 0, default = 0)]
    after: Option<i64>,
    /// One organization's events.
    organization_id: Option<Uuid>,
    /// The events of one type.
    r#type: Option<EventType>,
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before; it goes on from there, whatever `after` says.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Answer `total_count` too: of all events after `after`.
    include_total: Option<bool>,
}

/// The header with which a reader of the stream comes again.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it gives the OpenAPI document its parameters")]
pub(crate) struct StreamParams {
    /// Of a stream: go on after this event. A page is not moved by it, though it must be a number all the same.
    #[param(rename = "Last-Event-ID", value_type = i64, required = false, minimum = 0)]
    last_event_id: Option<i64>,
}

/// Read the events
///
/// What happened to every organization of the tenant's, in one order, and each change of its webhooks. Whoever asks again with `after` set to
/// the `sequence` of the last event it was given misses none and sees none twice: an event is shown once its
/// number is fixed, and none appears below a number that was shown. Numbers rise; between two of one tenant's
/// there may be others' events.
///
/// With `Accept: text/event-stream` they are streamed as they come: `id` is the `sequence`, `event` the `type`,
/// `data` the same JSON. A stream begins after `Last-Event-ID`, else after `after`, else with what comes from now
/// on, and takes no `limit`, `cursor` and `include_total`. It ends with its token and whenever the gateway must;
/// go on with `Last-Event-ID`.
///
/// A position after the last event of the feed, in `after` or in `Last-Event-ID`, is 409 `unknown_position`, with
/// the number of that event in `detail`. The number of the last event itself is a known position.
#[utoipa::path(
    get, path = "/v1/events", tag = "Events",
    operation_id = "list_events",
    params(
        EventListParams,
        StreamParams,
    ),
    responses(
        (status = 200, description = "One page, or the stream", content(
            (ListOut<EventOut> = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 409, description = "`unknown_position`: the feed ends before the position"),
    ),
    security(("bearer" = ["events:read"]))
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    auth: Authorized<scope::Events>,
    mut query: QueryFields,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = read_filter(&mut query);
    let after = read_after(&mut query);
    let last = last_event_id(&headers)?;
    if wants_stream(&headers) {
        query.finish()?;
        let reader = Reader { scope: auth.tenant_scope(), filter, after: last.or(after) };
        let lifetime = Lifetime::begin(&state, &auth.caller)?;
        return event_stream::answer(&state, reader, lifetime).await;
    }
    let request = FeedRequest {
        after: after.unwrap_or(0),
        page_after: query.number_cursor(ListKind::Events),
        limit: query.limit(),
        include_total: query.boolean("include_total").unwrap_or(false),
    };
    query.finish()?;
    let page = state.app.events(&auth.tenant_scope(), &filter, &request).await?;
    let page = ListOut {
        items: page.items.into_iter().map(EventOut::new).collect(),
        next_cursor: page.next.map(|number| Cursor::encode_number(ListKind::Events, number)),
        total_count: page.total_count,
    };
    Ok(Json(page).into_response())
}

fn read_filter(query: &mut QueryFields) -> FeedFilter {
    FeedFilter {
        organization_id: query.uuid("organization_id"),
        event_type: query.parsed("type", EventType::of_name),
    }
}

fn read_after(query: &mut QueryFields) -> Option<i64> {
    query.parsed("after", |text| match text.parse::<i64>() {
        Ok(number @ 0..) => Ok(number),
        Ok(_) | Err(_) => Err("must be the number of an event, or 0"),
    })
}
