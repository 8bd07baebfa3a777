//! Many jobs at once: page by page, so that the store serves others in between.

use indicatif::{ProgressBar, ProgressStyle};
use meshwork_queue::Unavailable;

use super::store::unavailable;
use crate::exit::CommandError;

/// Jobs that one request moves.
const PAGE_JOBS: usize = 256;

/// Goes on with `page` until it has moved `total` jobs or finds no more; answers how many. Who
/// asks says how many there were, so that jobs that come back meanwhile are no endless work. On a
/// terminal there is a bar (on standard error).
///
/// # Errors
/// The store does not answer (69); it is said how many were moved before.
pub(super) async fn in_pages(
    total: usize,
    mut page: impl AsyncFnMut(usize) -> Result<usize, Unavailable>,
) -> Result<usize, CommandError> {
    let bar = bar(total);
    let mut moved = 0;
    let result = loop {
        if moved >= total {
            break Ok(moved);
        }
        match page(PAGE_JOBS.min(total - moved)).await {
            Ok(0) => break Ok(moved),
            Ok(count) => moved += count,
            Err(error) => {
                let mut error = unavailable(error);
                error.what = format!("{}; {moved} of {total} were done before", error.what);
                break Err(error);
            }
        }
        bar.set_position(moved as u64);
    };
    bar.finish_and_clear();
    result
}

/// Hidden by itself where standard error is no terminal.
fn bar(total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    match ProgressStyle::with_template("{bar:40} {pos}/{len}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(total: usize, there: usize) -> (Vec<usize>, usize) {
        let (mut there, mut asked) = (there, Vec::new());
        let pages = in_pages(total, async |limit| {
            asked.push(limit);
            let count = limit.min(there);
            there -= count;
            Ok(count)
        });
        let count = futures_util::FutureExt::now_or_never(pages).unwrap().unwrap();
        (asked, count)
    }

    #[test]
    fn no_page_is_larger_than_what_is_left() {
        assert_eq!(moved(600, 10_000), (vec![256, 256, 88], 600));
        assert_eq!(moved(600, 300), (vec![256, 256, 256], 300));
        assert_eq!(moved(0, 300), (vec![], 0));
    }

    #[test]
    fn an_outage_says_how_far_it_was() {
        let mut calls = 0;
        let pages = in_pages(600, async |limit| {
            calls += 1;
            if calls == 1 { Ok(limit) } else { Err(Unavailable { message: "gone".into() }) }
        });
        let error = futures_util::FutureExt::now_or_never(pages).unwrap().unwrap_err();
        assert!(error.what.ends_with("gone; 256 of 600 were done before"), "{}", error.what);
        assert_eq!(error.exit, crate::exit::Exit::Unavailable);
    }
}
