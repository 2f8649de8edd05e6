//! What every page must look like, on a phone and on a desk, by day and by night.

use serde_json::Value;

use crate::{
    browser::scene::{Scene, fill, with_candidates},
    harness::Tab,
};

/// What is wider than the screen.
const TOO_WIDE: &str = "(() => {
    document.querySelectorAll('details').forEach((it) => { it.open = true; it.removeAttribute('name'); it.open = true; });
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll('body *')]
        .filter((it) => it.getBoundingClientRect().right > width + 0.5)
        .map((it) => it.tagName + ' ' + it.className + ' ' + it.textContent.slice(0, 60));
})()";

/// The texts that are too faint (WCAG 2.2, 1.4.3), and how many were looked at.
const TOO_FAINT: &str = "(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const parse = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
    const base = matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0, 1] : [255, 255, 255, 1];
    const back = (it) => {
        const chain = [];
        for (let at = it; at; at = at.parentElement) chain.unshift(parse(getComputedStyle(at).backgroundColor));
        return chain.reduce((under, color) => over(color, under), base);
    };
    const light = (color) => {
        const [r, g, b] = color.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    const faint = [];
    let looked = 0;
    const judge = (it, color, what) => {
        const ground = back(it), ratio = contrast(over(parse(color), ground), ground);
        looked += 1;
        if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${it.tagName}.${it.className} ${what}`);
    };
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const text = walk.currentNode.data.trim(), it = walk.currentNode.parentElement;
        if (text && it.checkVisibility({ visibilityProperty: true }) && !it.closest('svg')) {
            judge(it, getComputedStyle(it).color, text.slice(0, 40));
        }
    }
    for (const it of document.querySelectorAll('input, select, textarea')) {
        if (!it.checkVisibility() || it.type === 'hidden') continue;
        judge(it, getComputedStyle(it).color, it.name);
        if (it.placeholder) judge(it, getComputedStyle(it, '::placeholder').color, it.placeholder);
    }
    return { faint, looked };
})()";

/// One page after the other, each with all that is folded opened.
async fn hold(tab: &mut Tab, pages: &[String], scheme: &str, width: i64) {
    tab.prefer(scheme).await;
    tab.size(width, 900).await;
    for page in pages {
        tab.open(page).await;
        let wide = tab.js(TOO_WIDE).await;
        assert_eq!(wide, Value::Array(Vec::new()), "{page} is wider than {width}");
        let seen = tab.js(TOO_FAINT).await;
        assert_eq!(seen["faint"], Value::Array(Vec::new()), "{page}, {scheme}");
        assert!(seen["looked"].as_i64().unwrap() > 3, "{page}: {seen}");
    }
}

#[tokio::test]
async fn every_page_fits_the_screen_and_can_be_read() {
    let Some(mut scene) = Scene::new(with_candidates()).await else { return };
    let everything = fill(&scene.world).await;
    let pages = ["/ops".to_owned()];
    for (scheme, width) in [("light", 375), ("dark", 1280)] {
        hold(&mut scene.tab, &pages, scheme, width).await;
    }
    scene.sign_in().await;
    for (scheme, width) in [("light", 375), ("light", 1280), ("dark", 375), ("dark", 1280)] {
        hold(&mut scene.tab, &everything.pages, scheme, width).await;
    }
    scene.finish().await;
}

#[tokio::test]
async fn what_the_browser_forbids_is_heard() {
    let Some(mut scene) = Scene::new(with_candidates()).await else { return };
    scene.sign_in().await;
    let foreign = "document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = 1' }));
        window.ran === undefined";
    assert_eq!(scene.tab.js(foreign).await, true, "a script that is not ours does not run");
    let asked = "fetch('http://127.0.0.1:9/').then(() => false, () => true)";
    assert_eq!(scene.tab.js(asked).await, true, "nobody else is asked");
    let complaints = scene.tab.complaints();
    assert!(complaints.iter().any(|text| text.contains("inline script")), "{complaints:?}");
    assert!(complaints.iter().any(|text| text.contains("127.0.0.1:9")), "{complaints:?}");
    scene.finish_wherever().await;
}
