//! A tab of the browser: what a person does in it, and what can be seen of it.

use std::sync::{Arc, Mutex};

use chromiumoxide::{
    Page,
    cdp::{
        browser_protocol::{
            emulation::{
                MediaFeature, SetDeviceMetricsOverrideParams, SetEmulatedMediaParams,
                SetScriptExecutionDisabledParams,
            },
            input::{DispatchKeyEventParams, DispatchKeyEventType, InsertTextParams},
            log::{EventEntryAdded, LogEntrySource},
            network::{ClearBrowserCookiesParams, EventRequestWillBeSent},
            page::{CaptureScreenshotFormat, EventLoadEventFired},
        },
        js_protocol::runtime::{EvaluateParams, EventExceptionThrown},
    },
    layout::Point,
    listeners::EventStream,
    page::ScreenshotParams,
};
use futures::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Duration, timeout},
};

/// Longer than a page takes; what takes longer never comes.
const LOAD: Duration = Duration::from_secs(60);

/// One tab.
pub(crate) struct Tab {
    page: Page,
    origin: String,
    loads: EventStream<EventLoadEventFired>,
    heard: Arc<Mutex<Heard>>,
    _listeners: JoinSet<()>,
}

/// What the browser told of a tab.
#[derive(Default)]
struct Heard {
    /// Every address that was asked.
    requests: Vec<String>,
    /// Violations of a policy, and scripts that failed.
    complaints: Vec<String>,
}

/// A key, as the browser is told of it: its name, its code, and what it types.
type Key = (&'static str, i64, &'static str);
pub(crate) const TAB: Key = ("Tab", 9, "");
pub(crate) const ENTER: Key = ("Enter", 13, "\r");
pub(crate) const SPACE: Key = (" ", 32, " ");

impl Tab {
    pub(super) async fn new(page: Page, origin: &str) -> Self {
        page.enable_log().await.unwrap();
        page.enable_runtime().await.unwrap();
        let loads = page.event_listener().await.unwrap();
        let (heard, mut listeners) = (Arc::<Mutex<Heard>>::default(), JoinSet::new());
        let mut requests = page.event_listener::<EventRequestWillBeSent>().await.unwrap();
        let kept = Arc::clone(&heard);
        listeners.spawn(async move {
            while let Some(sent) = requests.next().await {
                kept.lock().unwrap().requests.push(sent.request.url.clone());
            }
        });
        let mut entries = page.event_listener::<EventEntryAdded>().await.unwrap();
        let kept = Arc::clone(&heard);
        listeners.spawn(async move {
            while let Some(added) = entries.next().await {
                // That an answer was a refusal is seen from the page.
                if added.entry.source != LogEntrySource::Network {
                    kept.lock().unwrap().complaints.push(added.entry.text.clone());
                }
            }
        });
        let mut thrown = page.event_listener::<EventExceptionThrown>().await.unwrap();
        let kept = Arc::clone(&heard);
        listeners.spawn(async move {
            while let Some(thrown) = thrown.next().await {
                kept.lock().unwrap().complaints.push(format!("{:?}", thrown.exception_details));
            }
        });
        Self { page, origin: origin.to_owned(), loads, heard, _listeners: listeners }
    }

    /// Goes to a path of the origin, and waits until it is there.
    pub(crate) async fn open(&mut self, path: &str) {
        let address = format!("{}{path}", self.origin);
        self.forget_loads();
        self.page.goto(address).await.unwrap();
        self.loaded().await;
    }

    /// Clicks what a selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        let point = self
            .js(&format!(
                "(() => {{ const it = document.querySelector({selector:?});
                   if (!it) return 'is not there';
                   it.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                   const [box] = it.getClientRects();
                   const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                   const there = document.elementFromPoint(x, y);
                   return it.contains(there) ? [x, y] : 'is covered'; }})()"
            ))
            .await;
        let (Some(x), Some(y)) = (point[0].as_f64(), point[1].as_f64()) else {
            panic!("{selector} {point} on {}", self.html().await);
        };
        self.page.click(Point::new(x, y)).await.unwrap();
    }

    /// Clicks what leads to another page, and waits until that is there.
    pub(crate) async fn follow(&mut self, selector: &str) {
        self.forget_loads();
        self.click(selector).await;
        self.loaded().await;
    }

    /// Clicks what leads to another page, over others, and waits until that is there.
    pub(crate) async fn follow_to(&mut self, selector: &str, path: &str) {
        self.forget_loads();
        self.click(selector).await;
        self.arrive(path).await;
    }

    /// Waits until a page of the origin is there, whatever comes before it.
    pub(crate) async fn arrive(&mut self, path: &str) {
        let address = format!("{}{path}", self.origin);
        loop {
            self.loaded().await;
            if self.js("location.href").await == address.as_str() {
                return;
            }
        }
    }

    /// Types into what has the focus.
    pub(crate) async fn type_text(&self, text: &str) {
        self.page.execute(InsertTextParams::new(text)).await.unwrap();
    }

    /// Clicks into a field and types.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        self.click(selector).await;
        self.type_text(text).await;
    }

    /// Presses a key.
    pub(crate) async fn press(&self, key: Key) {
        let (name, code, text) = key;
        for kind in [DispatchKeyEventType::KeyDown, DispatchKeyEventType::KeyUp] {
            let mut event = DispatchKeyEventParams::builder()
                .r#type(kind.clone())
                .key(name)
                .code(if name == " " { "Space" } else { name })
                .windows_virtual_key_code(code);
            if kind == DispatchKeyEventType::KeyDown && !text.is_empty() {
                event = event.text(text);
            }
            self.page.execute(event.build().unwrap()).await.unwrap();
        }
    }

    /// Presses Enter where that leads to another page, and waits until that is there.
    pub(crate) async fn enter(&mut self) {
        self.forget_loads();
        self.press(ENTER).await;
        self.loaded().await;
    }

    /// What an expression is on the page; a promise is waited for.
    pub(crate) async fn js(&self, expression: &str) -> Value {
        let asked = EvaluateParams::builder()
            .expression(expression)
            .await_promise(true)
            .return_by_value(true)
            .build()
            .unwrap();
        let answer = self.page.execute(asked).await.unwrap().result;
        assert!(answer.exception_details.is_none(), "{expression}: {:?}", answer.exception_details);
        answer.result.value.unwrap_or(Value::Null)
    }

    /// Waits until an expression is true of the page, which is looked at each time that it changes.
    pub(crate) async fn until(&self, expression: &str) {
        self.js(&format!(
            "new Promise((done) => {{
                const holds = () => ({expression});
                if (holds()) return done(true);
                const look = new MutationObserver(() => {{
                    if (holds()) {{ look.disconnect(); done(true); }}
                }});
                const all = {{ subtree: true, childList: true, attributes: true, characterData: true }};
                look.observe(document, all);
            }})"
        ))
        .await;
    }

    /// The text that a person sees.
    pub(crate) async fn text(&self) -> String {
        self.js("document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    /// The page's markup as it is now.
    pub(crate) async fn html(&self) -> String {
        self.js("document.documentElement.outerHTML").await.as_str().unwrap_or_default().to_owned()
    }

    /// The path of the page.
    pub(crate) async fn path(&self) -> String {
        self.js("location.pathname + location.search").await.as_str().unwrap_or_default().to_owned()
    }

    /// Shows pages on a screen of this size.
    pub(crate) async fn size(&self, width: i64, height: i64) {
        let screen = SetDeviceMetricsOverrideParams::new(width, height, 1.0, width < 600);
        self.page.execute(screen).await.unwrap();
    }

    /// Shows pages as to a reader who prefers `light` or `dark`.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let wish = MediaFeature::new("prefers-color-scheme", scheme);
        let media = SetEmulatedMediaParams::builder().features([wish]).build();
        self.page.execute(media).await.unwrap();
    }

    /// From the next page on, no page's script is run.
    pub(crate) async fn without_scripts(&self) {
        self.page.execute(SetScriptExecutionDisabledParams::new(true)).await.unwrap();
    }

    /// Forgets every cookie, as when a sign-in has ended.
    pub(crate) async fn forget_cookies(&self) {
        self.page.execute(ClearBrowserCookiesParams {}).await.unwrap();
    }

    /// A picture of what is on the screen.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let form = ScreenshotParams::builder().format(CaptureScreenshotFormat::Png).build();
        self.page.screenshot(form).await.unwrap()
    }

    /// Every address that was asked, but those that are part of a page.
    pub(crate) fn requests(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.requests.iter().filter(|url| !url.starts_with("data:")).cloned().collect()
    }

    /// What violated a policy, and scripts that failed.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.heard.lock().unwrap().complaints.clone()
    }

    fn forget_loads(&mut self) {
        while let Some(Some(_)) = self.loads.next().now_or_never() {}
    }

    async fn loaded(&mut self) {
        let load = timeout(LOAD, self.loads.next()).await;
        assert!(matches!(load, Ok(Some(_))), "no page came; there is {}", self.path().await);
    }
}
