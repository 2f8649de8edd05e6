//! Everything that a wire does to a request, and what each of it proves.

/// How the wire breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// Nobody listens.
    Refused,
    /// The connection is reset before anything was read.
    ResetUnread,
    /// The connection is closed before anything was read.
    CloseUnread,
    /// It is reset when the half of the request was read.
    ResetHalfRead,
    /// It is reset instead of an answer.
    Reset,
    /// It is closed instead of an answer.
    Close,
    /// Nothing comes, for as long as the caller waits.
    Hang,
    /// The answer in parts, or not all of it.
    Cut(Cut),
    /// Something that is no HTTP.
    NotHttp,
    /// More headers than anybody reads.
    ManyHeaders,
    /// Early hints, and then the end.
    HintsAlone,
    /// Early hints, and then the answer.
    HintsFirst,
    /// The answer as another type.
    WrongType,
    /// The answer with another status.
    Renamed(u16),
    /// A proxy's page, with this status.
    Html(u16),
    /// The provider's kind of error, with this status; it repeats our key.
    Error(u16),
    /// This status, and nothing else.
    Bare(u16),
    /// 503 and a Retry-After.
    Maintenance,
    /// 429, with Retry-After where it is given.
    Limit(Option<&'static str>),
    /// The 429 of Scaleway's edge: no body, no type, no Retry-After.
    EdgeLimit,
    /// To another place at the same server.
    Redirect(u16),
    /// 200 and something that is no JSON.
    NotJson,
    /// 200 and half of a document, said to be whole.
    HalfJson,
    /// 200 and JSON of another shape.
    WrongShape,
    /// 200 and the genuine document without its ids.
    WithoutId,
    /// 200 and the genuine document with ids that are none.
    InvalidId,
    /// 200 and 10 MB of white space before the document's end.
    Huge,
    /// 200, said to be compressed.
    SaysGzip,
}

/// How an answer is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Half of its head, then the end.
    HalfHead,
    /// The head alone, then the end.
    HeadAlone,
    /// Half of the body, then the end.
    HalfBody,
    /// Half of the body, then a reset.
    HalfBodyReset,
    /// A byte now and then, for longer than the caller waits.
    Drip,
    /// In pieces, and in time.
    SlowInTime,
    /// Chunks that end without the last one.
    NoLastChunk,
    /// A chunk of impossible length.
    BadChunk,
    /// In good chunks.
    GoodChunks,
    /// Without a length, to the connection's end.
    NoLength,
}

/// What the caller can know when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Not a byte of it left.
    NotSent,
    /// It was refused; the caller is told by this code.
    Refused(&'static str),
    /// It was refused, for what it is about is not there.
    Missing,
    /// It was refused, for it is there already.
    Conflict,
    /// It was refused, and everybody is to wait.
    Limited,
    /// Nothing; a reading that ends so is told by this code.
    Nothing(&'static str),
    /// It was done, but by an answer that nothing can be read in.
    Unusable,
    /// It was done.
    Done,
}

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strikes {
    /// Before the work, which is then never done.
    Before,
    /// After the work.
    After,
    /// Either.
    Both,
}

/// A fault: its name, where it strikes, and what it proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row(
    pub(super) &'static str,
    pub(super) Break,
    pub(super) Strikes,
    pub(super) Proof,
);

const AWAY: Proof = Proof::Nothing("provider_unavailable");
const ODD: Proof = Proof::Nothing("provider_failed");
const CONTENT: Proof = Proof::Refused("rejected_by_provider");
const KEY: Proof = Proof::Refused("provider_refused_gateway");
const UNABLE: Proof = Proof::Refused("unsupported_by_provider");

/// The faults. A refusal or a limit strikes before the work alone: a provider that did it and says that it
/// did not is beyond any promise.
pub(super) const FAULTS: &[Row] = &[
    Row("connection refused", Break::Refused, Strikes::Before, Proof::NotSent),
    Row("reset, unread", Break::ResetUnread, Strikes::Before, AWAY),
    Row("closed, unread", Break::CloseUnread, Strikes::Before, AWAY),
    Row("reset, half read", Break::ResetHalfRead, Strikes::Before, AWAY),
    Row("reset", Break::Reset, Strikes::Both, AWAY),
    Row("closed", Break::Close, Strikes::Both, AWAY),
    Row("hang", Break::Hang, Strikes::Both, AWAY),
    Row("half a head", Break::Cut(Cut::HalfHead), Strikes::Both, AWAY),
    Row("a head alone", Break::Cut(Cut::HeadAlone), Strikes::Both, AWAY),
    Row("half a body", Break::Cut(Cut::HalfBody), Strikes::Both, AWAY),
    Row("half a body, reset", Break::Cut(Cut::HalfBodyReset), Strikes::After, AWAY),
    Row("slow drip", Break::Cut(Cut::Drip), Strikes::After, AWAY),
    Row("chunks without end", Break::Cut(Cut::NoLastChunk), Strikes::Both, AWAY),
    Row("impossible chunk", Break::Cut(Cut::BadChunk), Strikes::Both, AWAY),
    Row("no HTTP", Break::NotHttp, Strikes::Both, AWAY),
    Row("too many headers", Break::ManyHeaders, Strikes::After, AWAY),
    Row("early hints alone", Break::HintsAlone, Strikes::Both, AWAY),
    Row("502 HTML", Break::Html(502), Strikes::Both, AWAY),
    Row("503 HTML", Break::Html(503), Strikes::Both, AWAY),
    Row("504 HTML", Break::Html(504), Strikes::Both, AWAY),
    Row("500 JSON", Break::Error(500), Strikes::Both, AWAY),
    Row("501 JSON", Break::Error(501), Strikes::Before, AWAY),
    Row("503 Retry-After", Break::Maintenance, Strikes::Both, AWAY),
    Row("408", Break::Error(408), Strikes::Both, AWAY),
    Row("425", Break::Bare(425), Strikes::Both, AWAY),
    Row("599", Break::Bare(599), Strikes::After, AWAY),
    Row("101", Break::Bare(101), Strikes::Before, ODD),
    Row("301", Break::Redirect(301), Strikes::Both, ODD),
    Row("302", Break::Redirect(302), Strikes::Both, ODD),
    Row("303", Break::Redirect(303), Strikes::Before, ODD),
    Row("304", Break::Bare(304), Strikes::Before, ODD),
    Row("307", Break::Redirect(307), Strikes::Both, ODD),
    Row("308", Break::Redirect(308), Strikes::Both, ODD),
    Row("402", Break::Error(402), Strikes::Before, ODD),
    Row("418", Break::Html(418), Strikes::Before, ODD),
    Row("10 MB", Break::Huge, Strikes::Both, ODD),
    Row("200 no JSON", Break::NotJson, Strikes::Both, Proof::Unusable),
    Row("200 half JSON", Break::HalfJson, Strikes::After, Proof::Unusable),
    Row("200 empty", Break::Bare(200), Strikes::Both, Proof::Unusable),
    Row("204", Break::Bare(204), Strikes::Both, Proof::Unusable),
    Row("200 HTML", Break::Html(200), Strikes::Both, Proof::Unusable),
    Row("200 other shape", Break::WrongShape, Strikes::Both, Proof::Unusable),
    Row("200 without id", Break::WithoutId, Strikes::Both, Proof::Unusable),
    Row("200 invalid id", Break::InvalidId, Strikes::Both, Proof::Unusable),
    Row("200 says gzip", Break::SaysGzip, Strikes::After, Proof::Unusable),
    Row("slow but in time", Break::Cut(Cut::SlowInTime), Strikes::After, Proof::Done),
    Row("early hints first", Break::HintsFirst, Strikes::After, Proof::Done),
    Row("good chunks", Break::Cut(Cut::GoodChunks), Strikes::After, Proof::Done),
    Row("no length", Break::Cut(Cut::NoLength), Strikes::After, Proof::Done),
    Row("wrong type", Break::WrongType, Strikes::After, Proof::Done),
    Row("201 for 200", Break::Renamed(201), Strikes::After, Proof::Done),
    Row("202 for 200", Break::Renamed(202), Strikes::After, Proof::Done),
    Row("400", Break::Error(400), Strikes::Before, CONTENT),
    Row("400 empty", Break::Bare(400), Strikes::Before, CONTENT),
    Row("401", Break::Error(401), Strikes::Before, KEY),
    Row("403", Break::Error(403), Strikes::Before, KEY),
    Row("403 HTML", Break::Html(403), Strikes::Before, KEY),
    Row("404", Break::Error(404), Strikes::Before, Proof::Missing),
    Row("404 empty", Break::Bare(404), Strikes::Before, Proof::Missing),
    Row("405", Break::Error(405), Strikes::Before, UNABLE),
    Row("409", Break::Error(409), Strikes::Both, Proof::Conflict),
    Row("413 HTML", Break::Html(413), Strikes::Before, CONTENT),
    Row("415", Break::Error(415), Strikes::Before, CONTENT),
    Row("422", Break::Error(422), Strikes::Before, CONTENT),
    Row("429 Retry-After", Break::Limit(Some("1")), Strikes::Before, Proof::Limited),
    Row("429", Break::Limit(None), Strikes::Before, Proof::Limited),
    Row("429 empty", Break::EdgeLimit, Strikes::Before, Proof::Limited),
    Row("429 nonsense", Break::Limit(Some("soon")), Strikes::Before, Proof::Limited),
];

impl Break {
    /// It strikes a connection, before any request is known.
    pub(super) fn is_of_the_connection(self) -> bool {
        matches!(self, Self::Refused | Self::ResetUnread | Self::CloseUnread | Self::ResetHalfRead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_fault_stands_there_twice() {
        for (at, row) in FAULTS.iter().enumerate() {
            let same = |other: &&Row| other.0 == row.0 || other.1 == row.1;
            let found = FAULTS.iter().skip(at + 1).find(same);
            assert_eq!(found, None, "{row:?}");
        }
    }

    #[test]
    fn what_claims_not_to_have_done_it_strikes_before_the_work() {
        for Row(word, _, strikes, proof) in FAULTS {
            let refuses = matches!(
                proof,
                Proof::NotSent | Proof::Refused(_) | Proof::Missing | Proof::Limited
            );
            assert!(!refuses || *strikes == Strikes::Before, "{word}");
        }
    }
}
