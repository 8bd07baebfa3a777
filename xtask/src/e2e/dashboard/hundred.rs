//! The page at a hundred members: all are shown, it keeps up with what comes, and keys still do
//! what the help says.

use crate::browser::Browser;
use crate::crowd::MEMBERS;
use crate::mesh::Mesh;

/// Pictures of the mesh that the page is watched for.
const PICTURES: u32 = 5;

/// Counts the pictures that are drawn, by the marks that the page sets, with the time that takes,
/// and the elements that come anew meanwhile.
const WATCH: &str = "window.drawn = []; window.made = 0;\
    new PerformanceObserver((list) => window.drawn.push(...list.getEntries()\
    .filter((entry) => entry.name === 'draw').map((entry) => entry.duration)))\
    .observe({ type: 'measure' });\
    const watch = new MutationObserver((changes) => changes.forEach((change) => {\
    window.made += [...change.addedNodes].filter((node) => node.nodeType === 1).length }));\
    for (const place of ['picture', 'members-rows', 'commands-rows'])\
    watch.observe(document.getElementById(place), { childList: true, subtree: true })";

/// Everything, in order.
///
/// # Errors
/// What was not as it should be.
pub(super) async fn all(browser: &Browser, mesh: &Mesh<'_>, links: usize) -> Result<(), String> {
    // The page of the mesh before logs that its master is gone, for as long as it is there.
    browser.open("about:blank").await?;
    browser.errors().await?;
    browser.open(&format!("{}#token={}", mesh.dashboard(), mesh.token()?)).await?;
    let count = |what: &str| format!("document.querySelectorAll('{what}').length");
    let rows = format!("{} === {MEMBERS}", count("#members-rows tr[data-status=ready]"));
    browser.until("a hundred members are in the table", &rows).await?;
    let dots = format!("{} === {MEMBERS}", count(".dot[data-status=ready]"));
    browser.until("the picture has a dot for each", &dots).await?;
    let pieces = "[...document.querySelectorAll('.links path')]\
                  .reduce((all, path) => all + path.getAttribute('d').split('M').length - 1, 0)";
    browser.until("every link is drawn", &format!("{pieces} === {links}")).await?;
    let busy = "document.querySelectorAll('.edge.busy').length === 3";
    browser.until("who calls whom is drawn, with rates", busy).await?;
    keeps_up(browser).await?;
    Box::pin(keyboard(browser)).await?;
    browser.run("window.scrollTo(0, 0)").await?;
    browser.picture("hundred-members").await?;
    let errors = browser.errors().await?;
    if errors.is_empty() { Ok(()) } else { Err(format!("the page logs errors: {errors:#?}")) }
}

/// What comes is drawn, picture after picture, and what is there already is not made again for it:
/// that is what would make the page slow.
async fn keeps_up(browser: &Browser) -> Result<(), String> {
    browser.run(WATCH).await?;
    let enough = format!("window.drawn.length >= {PICTURES}");
    browser.until("it draws what comes", &enough).await?;
    let made = browser.run("return window.made").await?;
    if made != 0 {
        return Err(format!("{made} elements were made anew though nobody came or went"));
    }
    let mean = "return window.drawn.reduce((all, one) => all + one, 0) / window.drawn.length";
    eprintln!("  a picture is drawn in {:.1} ms", browser.run(mean).await?.as_f64().unwrap_or(0.0));
    Ok(())
}

/// From member to member, to a section, and through the filter.
async fn keyboard(browser: &Browser) -> Result<(), String> {
    let press = |key: &str| {
        format!(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', \
             {{ key: '{key}', bubbles: true, cancelable: true }}))"
        )
    };
    browser.run("document.querySelector('svg.mesh').focus()").await?;
    for _ in 0..3 {
        browser.run(&press("ArrowRight")).await?;
    }
    let third = "document.querySelector('.dot.selected').dataset.member === 'gateway/gateway-003'";
    browser.until("arrow keys go from member to member", third).await?;
    let told = "document.getElementById('detail').textContent.includes('82 more')";
    browser.until("what it is linked to is told, in bounds", told).await?;
    browser.run(&press("5")).await?;
    let at_members = "document.activeElement.id === 'members'";
    browser.until("5 goes to the members", at_members).await?;
    let filter = |text: &str| {
        format!(
            "const text = document.getElementById('members-text'); text.value = '{text}'; \
             text.dispatchEvent(new Event('input'))"
        )
    };
    let shown = "return document.querySelectorAll('#members-rows tr').length";
    for (text, rows) in [("store/", 60), ("gateway-007", 1), ("", MEMBERS)] {
        browser.run(&filter(text)).await?;
        let found = browser.run(shown).await?;
        if found != rows {
            return Err(format!("`{text}` leaves {found} members, not {rows}"));
        }
    }
    Ok(())
}
