// Keeps an open page as things are now: a stream tells that something changed, the page is loaded again in
// the background, and what differs is put in its place. Focus, scroll, open parts and whatever was typed
// stay. Without this script the pages do the same things, as of their loading.
"use strict";

(() => {
  const main = document.getElementById("main");
  const state = document.getElementById("live-state");
  const notice = document.getElementById("live-notice");
  if (!main || !state || !notice || !window.EventSource) return;

  const EVERY = 30_000; // What changes without an event, such as a provider's health.
  const TRY_AGAIN = 5_000;
  let stream = null;
  let retry = 0;
  let ended = false;

  // ---- what the reader is told

  const tell = (text) => {
    if (state.textContent !== text) state.textContent = text;
  };
  const warn = (text) => {
    notice.textContent = text;
    notice.hidden = text === "";
  };

  // ---- forms that are being filled in

  const isChanged = (control) => {
    switch (control.type) {
      case "hidden": case "submit": case "button": return false;
      case "checkbox": case "radio": return control.checked !== control.defaultChecked;
      case "select-one": {
        const first = [...control.options].findIndex((option) => option.defaultSelected);
        return control.selectedIndex !== Math.max(first, 0);
      }
      default: return "defaultValue" in control && control.value !== control.defaultValue;
    }
  };
  const formsInUse = () =>
    [...main.querySelectorAll("form")].filter((form) => [...form.elements].some(isChanged));

  // ---- putting what differs in its place

  const keyOf = (node) =>
    node.nodeType === Node.ELEMENT_NODE
      ? `${node.tagName} ${node.id || node.dataset.key || ""}`
      : `${node.nodeType}`;
  // A part that a reader opened stays open.
  const isReaders = (element, name) => name === "open" && element.tagName === "DETAILS";

  const attributes = (old, next) => {
    for (const { name } of [...old.attributes]) {
      if (!next.hasAttribute(name) && !isReaders(old, name)) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (old.getAttribute(name) !== value && !isReaders(old, name)) old.setAttribute(name, value);
    }
  };

  const children = (old, next) => {
    const wanted = [...next.childNodes];
    const keys = new Set(wanted.map(keyOf));
    for (const child of [...old.childNodes]) {
      if (!keys.has(keyOf(child))) child.remove();
    }
    let place = old.firstChild;
    for (const node of wanted) {
      const key = keyOf(node);
      let match = place;
      while (match && keyOf(match) !== key) match = match.nextSibling;
      if (!match) {
        old.insertBefore(document.importNode(node, true), place);
        continue;
      }
      if (match === place) place = place.nextSibling;
      else old.insertBefore(match, place);
      morph(match, node);
    }
    while (place) {
      const surplus = place;
      place = place.nextSibling;
      surplus.remove();
    }
  };

  const morph = (old, next) => {
    if (old.isEqualNode(next)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== next.data) old.data = next.data;
      return;
    }
    attributes(old, next);
    children(old, next);
  };

  const show = (next) => {
    const nextMain = next.getElementById("main");
    if (!nextMain) return;
    if (formsInUse().some((form) => !form.id || !next.getElementById(form.id))) {
      warn("This has changed while you were filling in a form. Load the page again to see it.");
      return;
    }
    const focused = document.activeElement;
    morph(main, nextMain);
    const asOf = document.getElementById("as-of");
    const nextAsOf = next.getElementById("as-of");
    if (asOf && nextAsOf) morph(asOf, nextAsOf);
    document.title = next.title;
    if (document.activeElement !== focused) {
      (focused.isConnected ? focused : main).focus({ preventScroll: true });
    }
    warn("");
  };

  // ---- loading again, one at a time

  let busy = false;
  let again = false;

  const load = async () => {
    const answer = await fetch(location.href, { cache: "no-store", redirect: "error" });
    if (answer.status === 401) {
      ended = true;
      close();
      tell("No longer kept up to date.");
      warn("The sign-in has ended. Load the page again to sign in.");
    } else if (answer.status === 404) {
      warn("This is there no more.");
    } else if (answer.ok) {
      show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    }
  };

  const refresh = async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again && !ended) {
      again = false;
      try {
        await load();
      } catch {
        tell("Not connected; trying again.");
      }
    }
    busy = false;
  };

  // ---- the stream; a page that nobody looks at has none

  const close = () => {
    clearTimeout(retry);
    if (stream) stream.close();
    stream = null;
  };

  const open = () => {
    close();
    if (ended || document.hidden) return;
    stream = new EventSource("/ops/live");
    stream.addEventListener("ready", () => {
      tell("Kept up to date.");
      refresh();
    });
    stream.addEventListener("changed", refresh);
    stream.addEventListener("error", () => {
      tell("Not connected; trying again.");
      if (stream && stream.readyState === EventSource.CLOSED) {
        close();
        // Loading the page tells whether the sign-in has ended.
        retry = setTimeout(() => refresh().then(open), TRY_AGAIN);
      }
    });
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && open());
  setInterval(() => document.hidden || refresh(), EVERY);
  open();
})();
