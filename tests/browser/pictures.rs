//! The pictures of the console that the README shows. They are drawn anew by hand, when its looks change:
//!
//! ```text
//! cargo test -p e2e --test e2e -- --ignored the_pictures
//! ```

use std::path::Path;

use crate::{
    browser::scene::{Scene, fill, with_candidates},
    harness::{Tab, commitments_customer},
};

async fn draw(tab: &Tab, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
    std::fs::write(folder.join(format!("{name}.png")), tab.picture().await).unwrap();
}

#[tokio::test]
#[ignore = "it changes docs/images"]
async fn the_pictures_of_the_readme() {
    let scene = Scene::new(with_candidates()).await;
    let mut scene = scene.expect("pictures need a browser");
    for at in 0..40 {
        scene.world.client().create(&commitments_customer(&format!("tailspin-{at}"))).await;
    }
    let everything = fill(&scene.world).await;
    scene
        .world
        .change_database(
            "update organizations set created_at = created_at - make_interval(days => (last_event::int * 7
                 + ascii(right(id::text, 1)) + ascii(right(id::text, 2))) % 14)
                 where customer_id like 'tailspin-%';
             alter table operations disable trigger operations_guard;
             update operations set finished_at = finished_at - make_interval(hours =>
                 (ascii(right(id::text, 1)) * 3 + ascii(right(id::text, 2))) % 24)
                 where state = 'succeeded';
             alter table operations enable trigger operations_guard",
        )
        .await;
    scene.sign_in().await;
    let tab = &mut scene.tab;
    for (size, screen, height) in [("desk", 1280, 1000), ("phone", 375, 812)] {
        tab.size(screen, height).await;
        tab.prefer(if size == "desk" { "light" } else { "dark" }).await;
        let pages = [("overview", "/ops"), ("operation", &everything.waiting)];
        for (name, page) in pages {
            tab.open(page).await;
            draw(tab, &format!("console-{name}-{size}")).await;
        }
    }
    scene.finish().await;
}
