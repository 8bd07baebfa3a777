//! What is done, and looked for on the page.

use std::time::Duration;

use tokio::time::sleep;

use super::thumbnails;
use crate::browser::Browser;
use crate::mesh::{MASTER, Mesh};

/// The page while people look at it on a screen.
const SCREEN: (u32, u32) = (1440, 1180);

/// The page on a telephone.
const NARROW: (u32, u32) = (500, 1100);

/// How long figures gather before they are kept as a picture.
const GATHER: Duration = Duration::from_secs(20);

/// The worker that is killed.
const VICTIM: &str = "thumbnailer-3";

/// Members that are shown as ready.
const READY: &str = "document.querySelectorAll('#members-rows tr[data-status=ready]').length";

/// Everything, in order.
///
/// # Errors
/// What was not as it should be.
pub(super) async fn all(browser: &Browser, mesh: &mut Mesh<'_>) -> Result<(), String> {
    browser.resize(SCREEN.0, SCREEN.1).await?;
    Box::pin(log_in(browser, mesh)).await?;
    Box::pin(dead_letter(browser, mesh)).await?;
    Box::pin(log_out(browser, mesh)).await?;
    Box::pin(load(browser, mesh)).await?;
    Box::pin(keyboard(browser)).await?;
    Box::pin(killed_worker(browser, mesh)).await?;
    let errors = browser.errors().await?;
    if !errors.is_empty() {
        return Err(format!("the page logs errors: {errors:#?}"));
    }
    Box::pin(lost_master(browser, mesh)).await
}

/// A wrong token is told; the right one shows that nobody is there yet, and then three
/// thumbnailers.
async fn log_in(browser: &Browser, mesh: &mut Mesh<'_>) -> Result<(), String> {
    browser.open(&mesh.dashboard()).await?;
    let asks = "document.body.dataset.view === 'login'";
    browser.until("the page asks for the token", asks).await?;
    enter(browser, "this-is-not-the-token-of-it").await?;
    let told = "document.getElementById('login-error').textContent.includes('not the token')";
    browser.until("a wrong token is told", told).await?;
    browser.picture("wrong-token").await?;
    // A request that is refused is logged by the browser itself.
    let errors = browser.errors().await?;
    if let Some(error) = errors.iter().find(|error| !error.contains("401")) {
        return Err(format!("the page logs an error: {error}"));
    }
    enter(browser, &mesh.token()?).await?;
    let nobody = "!document.querySelector('.empty-big').hidden && \
                  document.querySelector('.empty-big').textContent.includes('No workers yet') && \
                  document.querySelector('.empty-big code')";
    browser.until("that nobody is there, and where to join", nobody).await?;
    browser.picture("nobody").await?;
    thumbnails::join(mesh)?;
    browser.until("three thumbnailers are there", &format!("{READY} === 3")).await?;
    let live = "document.getElementById('state').dataset.state === 'live'";
    browser.until("the page is live", live).await?;
    let dots = "document.querySelectorAll('.dot[data-status=ready]').length === 3";
    browser.until("the picture has three dots", dots).await?;
    let joined = "document.querySelectorAll('#events-list li[data-kind=joined]').length === 3";
    browser.until("three have joined, by the events", joined).await?;
    let store = "document.getElementById('queues-advice').textContent === ''";
    browser.until("the store of queues answers", store).await?;
    browser.picture("three-thumbnailers").await
}

async fn enter(browser: &Browser, token: &str) -> Result<(), String> {
    let script = format!(
        "document.getElementById('token').value = '{token}';\
         document.getElementById('login-form').requestSubmit();"
    );
    browser.run(&script).await.map(drop)
}

/// A job that cannot run becomes a dead letter, and is run again by its button.
async fn dead_letter(browser: &Browser, mesh: &Mesh<'_>) -> Result<(), String> {
    thumbnails::enqueue_broken(mesh)?;
    let button = "document.querySelector('tr[data-queue=\"thumbnailer.preview\"] button')";
    browser.until("the dead letter is counted", &format!("{button}?.textContent === '1'")).await?;
    let deaths = "document.querySelectorAll('#events-list li[data-kind=dead_letter]').length";
    browser.until("its death is an event", &format!("{deaths} === 1")).await?;
    browser.run(&format!("{button}.click()")).await?;
    let listed = "document.querySelectorAll('#dead-list li').length === 1";
    browser.until("it is listed with its error", listed).await?;
    browser.picture("dead-letter").await?;
    browser.run("document.querySelector('#dead-list li button').click()").await?;
    let again = "document.getElementById('dead-note').textContent.includes('again')";
    browser.until("the button says that it runs again", again).await?;
    // It cannot be read any better than before.
    browser.until("it has run again, and died again", &format!("{deaths} === 2")).await?;
    browser.picture("retried").await?;
    browser.run("document.getElementById('dead-close').click()").await.map(drop)
}

/// Who logs out leaves nothing of the mesh; who comes again sees each event once.
async fn log_out(browser: &Browser, mesh: &Mesh<'_>) -> Result<(), String> {
    // Whoever cannot wait for the next try gets one connection, and each event once.
    browser
        .run("for (let n = 0; n < 3; n += 1) document.getElementById('lost-now').click()")
        .await?;
    browser.run("document.getElementById('logout').click()").await?;
    let asks = "document.body.dataset.view === 'login' && \
                document.querySelectorAll('#members-rows tr, #events-list li, .dot').length === 0";
    browser.until("nothing is left of the mesh", asks).await?;
    // The browser logs that the request without a token was refused.
    browser.errors().await?;
    enter(browser, &mesh.token()?).await?;
    browser.until("three thumbnailers are there again", &format!("{READY} === 3")).await?;
    let joined = "document.querySelectorAll('#events-list li[data-kind=joined]').length";
    // They, and the gateway that enqueued the job.
    browser.until("four have joined", &format!("{joined} === 4")).await
}

/// Calls raise the rate.
async fn load(browser: &Browser, mesh: &mut Mesh<'_>) -> Result<(), String> {
    let rate = "parseFloat(document.querySelector(\
                'tr[data-command=\"thumbnailer.resize\"] td').textContent)";
    browser.until("nobody calls yet", &format!("!({rate} > 0)")).await?;
    thumbnails::start_load(mesh)?;
    browser.until("a call raises the rate", &format!("{rate} > 0")).await?;
    let p99 = "document.querySelectorAll(\
               'tr[data-command=\"thumbnailer.resize\"] td')[5].textContent !== '–'";
    browser.until("there is a latency", p99).await?;
    let up = "document.querySelectorAll('#events-list li[data-kind=link_up]').length >= 3";
    browser.until("the load is linked to all of them", up).await?;
    browser.until("who calls whom is drawn", "document.querySelector('.edge.busy text')").await?;
    sleep(GATHER).await;
    browser.run("window.scrollTo(0, 0)").await?;
    for theme in ["light", "dark"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await?;
        sleep(Duration::from_millis(600)).await;
        browser.picture(&format!("dashboard-{theme}")).await?;
    }
    browser.resize(NARROW.0, NARROW.1).await?;
    browser.run("document.documentElement.dataset.theme = 'light'").await?;
    sleep(Duration::from_secs(2)).await;
    browser.picture("dashboard-narrow").await?;
    browser.resize(SCREEN.0, SCREEN.1).await
}

/// Keys do what the help says.
async fn keyboard(browser: &Browser) -> Result<(), String> {
    let press = |key: &str| {
        format!(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', \
             {{ key: '{key}', bubbles: true, cancelable: true }}))"
        )
    };
    browser.run(&press("5")).await?;
    let at_members = "document.activeElement.id === 'members'";
    browser.until("5 goes to the members", at_members).await?;
    browser.run(&press("/")).await?;
    let at_filter = "document.activeElement.id === 'events-text'";
    browser.until("/ goes to the filter of events", at_filter).await?;
    let filter = "const text = document.activeElement; text.value = 'dead letter';\
                  text.dispatchEvent(new Event('input'))";
    // The filter takes the words of an event; a kind is told with a low line.
    browser.run(&filter.replace("dead letter", "dead_letter")).await?;
    let only = "[...document.querySelectorAll('#events-list li')]\
                .every((li) => li.dataset.kind === 'dead_letter')";
    browser.until("the filter leaves dead letters", only).await?;
    browser
        .run(
            "const text = document.activeElement; text.value = '';\
                 text.dispatchEvent(new Event('input')); text.blur()",
        )
        .await?;
    let theme = "document.documentElement.dataset.theme";
    for expected in ["light", "dark"] {
        browser.run(&press("t")).await?;
        browser.until("t goes to the next theme", &format!("{theme} === '{expected}'")).await?;
    }
    browser.run("document.getElementById('theme').click()").await?;
    browser.until("the button goes on to that of the system", &format!("!{theme}")).await?;
    browser.run(&press("?")).await?;
    browser.until("? opens the help", "document.getElementById('help').open").await?;
    browser.run("document.getElementById('help').close()").await.map(drop)
}

/// A worker that is killed turns grey, and is gone when its time is over.
async fn killed_worker(browser: &Browser, mesh: &mut Mesh<'_>) -> Result<(), String> {
    mesh.kill(VICTIM);
    let row = format!("document.querySelector('tr[data-member=\"thumbnailer/{VICTIM}\"]')");
    let dot = format!("document.querySelector('.dot[data-member=\"thumbnailer/{VICTIM}\"]')");
    let lost = format!("{row}?.dataset.status === 'lost' && {dot}?.dataset.status === 'lost'");
    browser.until("the killed worker is grey", &lost).await?;
    browser.run("window.scrollTo(0, 0)").await?;
    // Its dot fades to grey.
    sleep(Duration::from_millis(600)).await;
    browser.picture("killed-worker").await?;
    browser.until("the killed worker is gone", &format!("!{row} && !{dot}")).await?;
    let left = "document.querySelector('#events-list li[data-kind=left]')";
    browser.until("that it left is an event", left).await?;
    browser.picture("killed-worker-gone").await
}

/// A master that is gone is told, and what was seen stays to be seen.
async fn lost_master(browser: &Browser, mesh: &mut Mesh<'_>) -> Result<(), String> {
    mesh.kill(MASTER);
    let lost = "!document.getElementById('lost').hidden";
    browser.until("that the master is gone is told", lost).await?;
    browser.until("what was seen stays", &format!("{READY} > 0")).await?;
    browser.picture("lost-master").await
}
