//! Row 17: a secret is rotated under a live link.

use meshwork_shared::limits::Limits;
use meshwork_shared::link::connect::ConnectError;
use meshwork_shared::secret::Psk;

use super::listener::{Caller, End, dial_with, dialer_key, introduction, psk, psk_of, start};

/// Whether a link under `psk` can be made; it is then live.
async fn links(end: &mut End, psk: &Psk) -> Option<Caller> {
    let dialled = dial_with(end.address, psk, &dialer_key(), |_| Ok(introduction(b""))).await;
    match dialled {
        Ok(connected) => {
            let accepted = end.accepted.recv().await.unwrap();
            assert_eq!(accepted.preamble.psk_id, psk.id);
            super::listener::spawn_link(accepted.established);
            Some(super::listener::spawn_link(connected.established))
        }
        Err(ConnectError::Closed { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn row_17_each_step_of_a_rotation_takes_the_active_secrets_and_drops_no_call() {
    let (old, new) = (psk(), psk_of(8));
    let mut end = start(Limits::default()).await;
    let mut live = Vec::new();
    let steps = [
        (vec![old.clone()], true, false),
        (vec![new.clone(), old.clone()], true, true),
        (vec![new.clone()], false, true),
        (vec![], false, false),
    ];
    for (active, takes_old, takes_new) in steps {
        *end.accepting.doorman.0.lock().unwrap() = active;
        for (psk, taken) in [(&old, takes_old), (&new, takes_new)] {
            let link = links(&mut end, psk).await;
            assert_eq!(link.is_some(), taken);
            live.extend(link);
        }
        for link in &live {
            assert!(link.works().await, "a rotation touches no live link");
        }
    }
    assert_eq!((live.len(), end.counted("unknown_psk", 4).await), (4, 4));
}
