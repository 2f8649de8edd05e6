//! The W3C trace context that a request passes on. It carries context and starts no span: spans are the
//! subscriber's business.

use std::{fmt, str::FromStr};

use http::{HeaderMap, HeaderValue};
use opentelemetry::trace::TraceContextExt;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The longest `tracestate` that is passed on, in bytes.
const MAX_TRACE_STATE: usize = 512;

tokio::task_local! {
    /// The trace that the present task works for; set by [`with_trace_context`].
    pub static TRACE_CONTEXT: TraceContext;
}

/// Runs `future` so that every provider request in it continues the trace `context`.
pub async fn with_trace_context<F: Future>(context: TraceContext, future: F) -> F::Output {
    TRACE_CONTEXT.scope(context, future).await
}

/// A trace context: what `traceparent` and `tracestate` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; never all zeros.
    pub trace_id: [u8; 16],
    /// The span that is the parent of what comes next; never all zeros.
    pub span_id: [u8; 8],
    /// The flags; the lowest bit says that the trace is sampled.
    pub flags: u8,
    /// The vendors' own part, passed on as it came.
    pub trace_state: Option<String>,
}

/// The text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct InvalidTraceParent;

impl TraceContext {
    /// A new trace with random ids.
    #[must_use]
    pub fn random(sampled: bool) -> Self {
        Self {
            trace_id: random_id(),
            span_id: random_id(),
            flags: u8::from(sampled),
            trace_state: None,
        }
    }

    /// The context that a request brought in its `traceparent` and `tracestate`; `None` where there is
    /// none or it is malformed. A malformed `tracestate` is dropped alone.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all("traceparent").iter();
        let (parent, more) = (parents.next()?, parents.next());
        if more.is_some() {
            return None;
        }
        let context: Self = parent.to_str().ok()?.trim().parse().ok()?;
        let states: Option<Vec<&str>> =
            headers.get_all("tracestate").iter().map(|value| value.to_str().ok()).collect();
        let state = states.map(|states| states.join(",")).unwrap_or_default();
        let usable = !state.is_empty() && state.len() <= MAX_TRACE_STATE;
        Some(Self { trace_state: usable.then_some(state), ..context })
    }

    /// The same trace with a new span in it, as the parent of what comes next.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: random_id(), ..self.clone() }
    }

    /// The value of `traceparent`, version 00.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id_hex(), hex(&self.span_id), self.flags)
    }

    /// The trace id as 32 hexadecimal digits, for logs.
    #[must_use]
    pub fn trace_id_hex(&self) -> String {
        hex(&self.trace_id)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent())
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceParent;

    /// Reads `version-trace_id-span_id-flags`. A later version may have more parts after these four.
    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(InvalidTraceParent);
        let [version] = unhex::<1>(part()?)?;
        let trace_id = unhex::<16>(part()?)?;
        let span_id = unhex::<8>(part()?)?;
        let [flags] = unhex::<1>(part()?)?;
        let has_more = parts.next().is_some();
        if version == 0xff || (version == 0 && has_more) || trace_id == [0; 16] || span_id == [0; 8]
        {
            return Err(InvalidTraceParent);
        }
        Ok(Self { trace_id, span_id, flags, trace_state: None })
    }
}

/// Writes the trace into a request's headers: the current span where a tracer made it, else a new span
/// in the task's trace, else nothing.
pub(crate) fn inject(headers: &mut HeaderMap) {
    let context = current_span().or_else(|| TRACE_CONTEXT.try_with(TraceContext::child).ok());
    let Some(context) = context else { return };
    if let Ok(value) = HeaderValue::try_from(context.traceparent()) {
        headers.insert("traceparent", value);
    }
    if let Some(Ok(value)) = context.trace_state.map(HeaderValue::try_from) {
        headers.insert("tracestate", value);
    }
}

fn current_span() -> Option<TraceContext> {
    let context = tracing::Span::current().context();
    let span = context.span().span_context().clone();
    let state = span.trace_state().header();
    span.is_valid().then(|| TraceContext {
        trace_id: span.trace_id().to_bytes(),
        span_id: span.span_id().to_bytes(),
        flags: span.trace_flags().to_u8(),
        trace_state: (!state.is_empty()).then_some(state),
    })
}

fn random_id<const N: usize>() -> [u8; N] {
    loop {
        let mut id = [0; N];
        rand::fill(&mut id);
        if id != [0; N] {
            return id;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N], InvalidTraceParent> {
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != 2 * N || !text.bytes().all(lower) {
        return Err(InvalidTraceParent);
    }
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).or(Err(InvalidTraceParent))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_reads_as_it_is_written() {
        let context: TraceContext = PARENT.parse().unwrap();
        assert_eq!(context.traceparent(), PARENT);
        assert_eq!(context.flags, 1);
    }

    #[test]
    fn a_later_version_may_be_longer_and_this_one_may_not() {
        let later = format!("{}-more", PARENT.replacen("00-", "01-", 1));
        assert!(later.parse::<TraceContext>().is_ok());
        assert!(format!("{PARENT}-more").parse::<TraceContext>().is_err());
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-é4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-01",
        ] {
            assert!(bad.parse::<TraceContext>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_child_stays_in_the_trace_with_a_span_of_its_own() {
        let context: TraceContext = PARENT.parse().unwrap();
        let child = context.child();
        assert_eq!(child.trace_id, context.trace_id);
        assert_ne!(child.span_id, context.span_id);
    }

    #[test]
    fn headers_with_two_parents_are_not_believed() {
        let mut headers = HeaderMap::new();
        headers.append("traceparent", HeaderValue::from_static(PARENT));
        headers.append("tracestate", HeaderValue::from_static("a=1"));
        headers.append("tracestate", HeaderValue::from_static("b=2"));
        let context = TraceContext::from_headers(&headers).unwrap();
        assert_eq!(context.trace_state.as_deref(), Some("a=1,b=2"));
        headers.append("traceparent", HeaderValue::from_static(PARENT));
        assert_eq!(TraceContext::from_headers(&headers), None);
    }
}
