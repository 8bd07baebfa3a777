//! Links over real sockets, with keys that a handshake would have made.

mod slow;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::close::{CloseCode, LinkEnd};
use super::handle::Link;
use super::lanes::{Lanes, vouch_every};
use super::message::{Body, CommandRef, InboundCall, Request};
use super::service::{Notice, Served, Service};
use super::task::{Established, LinkTask, link};
use crate::aead::AeadKey;
use crate::frame::{HEADER_BYTES, Opener, Sealer};
use crate::ids::CallId;
use crate::limits::Limits;
use crate::net::{Network, Stream};
use crate::outcome::{CallError, NotExecuted, UnknownCause};
use crate::record::{self, Record, RecordType};

/// Echoes; command 1 never answers, 2 waits a millisecond first, 3 spins in place, 4 answers much,
/// 5 too after a millisecond.
struct Echo {
    notices: mpsc::Sender<Notice>,
    dropped: Arc<Mutex<u32>>,
}

struct CountsItsDrop(Arc<Mutex<u32>>);

impl Drop for CountsItsDrop {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
    }
}

impl Service for Echo {
    fn serve(&self, call: InboundCall) -> Served {
        let body = call.body;
        match call.command {
            CommandRef::Number(1) => {
                let guard = CountsItsDrop(self.dropped.clone());
                Served::Handling(Box::pin(async move {
                    let _guard = guard;
                    std::future::pending().await
                }))
            }
            CommandRef::Number(2) => Served::Handling(Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Ok(body)
            })),
            CommandRef::Number(3) => {
                std::thread::sleep(Duration::from_secs(4));
                Served::Ready(Ok(body))
            }
            CommandRef::Number(4) => Served::Ready(Ok(Body::raw(vec![4; 1 << 20]))),
            CommandRef::Number(5) => Served::Handling(Box::pin(async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Ok(Body::raw(vec![5; 1 << 20]))
            })),
            _ => Served::Ready(Ok(body)),
        }
    }

    fn notice(&self, notice: Notice) {
        let _ = self.notices.try_send(notice);
    }

    fn computed_in_place(&self, _: &CommandRef, _: Duration) {}
}

struct End {
    link: Link,
    notices: mpsc::Receiver<Notice>,
    dropped: Arc<Mutex<u32>>,
}

fn end(stream: Stream, send: u8, receive: u8, limits: &Limits) -> (End, LinkTask<Echo>) {
    let (sender, notices) = mpsc::channel(64);
    let dropped = Arc::new(Mutex::new(0));
    let service = Echo { notices: sender, dropped: dropped.clone() };
    let established = Established {
        stream,
        send_key: AeadKey::new([send; 32]),
        receive_key: AeadKey::new([receive; 32]),
        leftover: BytesMut::new(),
        peer_frame_bytes_max: limits.frame_bytes_max,
    };
    let (link, task) = link(established, Arc::new(service), limits, None);
    (End { link, notices, dropped }, task)
}

async fn sockets() -> (Stream, Stream) {
    let listener = Network::Tcp.listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (dialled, accepted) = tokio::join!(Network::Tcp.dial(&address), listener.accept());
    (dialled.unwrap(), accepted.unwrap().0)
}

async fn pair() -> (End, End) {
    let limits = Limits::default();
    let (a, b) = sockets().await;
    let (a, task_a) = end(a, 1, 2, &limits);
    let (b, task_b) = end(b, 2, 1, &limits);
    tokio::spawn(task_a);
    tokio::spawn(task_b);
    (a, b)
}

fn request(command: u16, body: impl Into<bytes::Bytes>) -> Request {
    Request {
        command: CommandRef::Number(command),
        body: Body::raw(body),
        deadline: Instant::now() + Duration::from_secs(30),
        trace: None,
        attempt: None,
        wants_reply: true,
    }
}

#[tokio::test]
async fn both_ends_call_at_once() {
    let (a, b) = pair().await;
    let calls = (0..2000_u32).map(|n| {
        let end = if n % 2 == 0 { &a } else { &b };
        let command = if n % 3 == 0 { 2 } else { 0 };
        let reply = end.link.call(request(command, n.to_be_bytes().to_vec())).unwrap();
        async move { assert_eq!(reply.await.unwrap().bytes, n.to_be_bytes().to_vec()) }
    });
    futures_util::future::join_all(calls).await;
    assert_eq!((a.link.in_flight(), b.link.in_flight()), (0, 0));
}

#[tokio::test]
async fn eight_mebibytes_and_small_calls_share_a_link() {
    let (a, _b) = pair().await;
    let large = vec![7; 8 << 20];
    let big = a.link.call(request(0, large.clone())).unwrap();
    for _ in 0..50 {
        let small = a.link.call(request(0, &b"small"[..])).unwrap().await.unwrap();
        assert_eq!(&small.bytes[..], b"small");
    }
    assert!(big.await.unwrap().bytes == large);
}

#[tokio::test]
async fn sixty_four_mebibytes_in_flight_are_slowed_down_and_not_refused() {
    let (a, _b) = pair().await;
    let body = bytes::Bytes::from(vec![7; 64 << 10]);
    let calls = (0..1024).map(|_| a.link.call(request(0, body.clone())).unwrap());
    let replies = futures_util::future::join_all(calls.collect::<Vec<_>>()).await;
    assert!(replies.iter().all(|reply| reply.as_ref().is_ok_and(|reply| reply.bytes == body)));
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_at_the_other_end() {
    let (a, b) = pair().await;
    let reply = a.link.call(request(1, &b""[..])).unwrap();
    a.link.call(request(0, &b""[..])).unwrap().await.unwrap();
    drop(reply);
    while *b.dropped.lock().unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    a.link.call(request(0, &b""[..])).unwrap().await.unwrap();
    assert_eq!(a.link.in_flight(), 0);
}

#[tokio::test]
async fn a_close_tells_its_code_and_ends_what_is_in_flight_as_unknown() {
    let (a, mut b) = pair().await;
    let reply = a.link.call(request(1, &b""[..])).unwrap();
    a.link.call(request(0, &b""[..])).unwrap().await.unwrap();
    b.link.close(CloseCode::Revoked, "taken back");
    let error = reply.await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { cause: UnknownCause::LinkLost, .. }), "{error}");
    let mut notices = a.notices;
    let Some(Notice::Ended(end)) = notices.recv().await else { panic!() };
    let code = Some(CloseCode::Revoked);
    assert_eq!(end, LinkEnd::ClosedByPeer { code, text: "taken back".into() });
    let ended = Notice::Ended(LinkEnd::ClosedHere { code: CloseCode::Revoked });
    assert_eq!(b.notices.recv().await, Some(ended));
    assert!(!a.link.is_open());
    let refused = a.link.call(request(0, &b""[..])).err();
    assert_eq!(refused, Some(NotExecuted::LinkLost));
}

/// Row 35 of the hostile cases: a FIN without CLOSE.
#[tokio::test]
async fn a_socket_that_just_ends_is_a_lost_link() {
    let (a, b) = sockets().await;
    let (mut a, task) = end(a, 1, 2, &Limits::default());
    let reply = a.link.call(request(0, &b""[..])).unwrap();
    tokio::spawn(task);
    tokio::task::yield_now().await;
    drop(b);
    let error = reply.await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { .. } | CallError::NotExecuted { .. }));
    assert!(matches!(a.notices.recv().await, Some(Notice::Ended(LinkEnd::Lost { .. }))));
}

#[tokio::test]
async fn what_never_reached_the_socket_was_not_executed() {
    let (a, _b) = sockets().await;
    let (a, task) = end(a, 1, 2, &Limits::default());
    let reply = a.link.call(request(0, &b""[..])).unwrap();
    drop(task);
    assert_eq!(reply.await, Err(CallError::not_executed(NotExecuted::LinkLost)));
}

/// Row 41 of the hostile cases: a slow reader, in paused time.
#[tokio::test]
async fn a_peer_that_does_not_read_costs_bounded_memory_and_then_its_link() {
    let limits = Limits { stalled_write: Duration::from_millis(200), ..Limits::default() };
    let (a, _deaf) = sockets().await;
    let (mut a, task) = end(a, 1, 2, &limits);
    tokio::spawn(task);
    let body = bytes::Bytes::from(vec![0; 64 << 10]);
    let mut replies = Vec::new();
    let refused = loop {
        match a.link.call(request(0, body.clone())) {
            Ok(reply) => replies.push(reply),
            Err(refused) => break refused,
        }
        assert!(replies.len() < 3000, "nothing stopped the caller");
    };
    assert!(matches!(refused, NotExecuted::Overloaded { .. }), "{refused}");
    let end = a.notices.recv().await;
    let stalled = LinkEnd::ClosedHere { code: CloseCode::Stalled };
    assert_eq!(end, Some(Notice::Ended(stalled)));
    let mut outcomes = [0, 0];
    for reply in replies {
        outcomes[usize::from(reply.await.unwrap_err().is_safe_to_retry())] += 1;
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "sent {} and unsent {}", outcomes[0], outcomes[1]);
}

#[tokio::test(start_paused = true)]
async fn calls_over_a_link_found_dead_do_not_wait_for_its_last_words() {
    let limits = Limits::default();
    let (a, _silent) = sockets().await;
    let (a, task) = end(a, 1, 2, &limits);
    tokio::spawn(task);
    let began = Instant::now();
    tokio::time::sleep_until(began + limits.dead_after - Duration::from_millis(100)).await;
    let reply = a.link.call(request(0, &b"is anybody there"[..])).unwrap();
    let unknown = matches!(
        reply.await.unwrap_err(),
        CallError::Unknown { cause: UnknownCause::LinkLost, .. }
    );
    assert!(unknown && !a.link.is_open());
    assert!(began.elapsed() < limits.dead_after + Duration::from_millis(50));
}

/// What had to wait for the socket goes on as soon as it can, though nothing comes back that would
/// wake the link.
#[tokio::test]
async fn requests_that_wait_for_the_socket_go_on_by_themselves() {
    let hour = Duration::from_secs(3600);
    let limits = Limits { ping_after: hour, dead_after: 2 * hour, ..Limits::default() };
    let (a, b) = sockets().await;
    let (a, task_a) = end(a, 1, 2, &limits);
    let (_b, task_b) = end(b, 2, 1, &limits);
    tokio::spawn(task_a);
    tokio::spawn(task_b);
    let body = bytes::Bytes::from(vec![0; 64 << 10]);
    for _ in 0..8 {
        for _ in 0..100 {
            let cast = Request { wants_reply: false, ..request(0, body.clone()) };
            a.link.cast(cast).unwrap();
        }
        tokio::task::yield_now().await;
    }
    let last = a.link.call(request(0, &b"last"[..])).unwrap();
    let patience = Duration::from_secs(20);
    let reply = tokio::time::timeout(patience, last).await.expect("the link rests with work left");
    assert_eq!(&reply.unwrap().bytes[..], b"last");
}

/// A handler that computes in place holds its lane up; the process vouches for itself meanwhile.
#[test]
fn a_lane_that_is_held_up_is_vouched_for() {
    let limits = Limits {
        ping_after: Duration::from_millis(250),
        dead_after: Duration::from_secs(1),
        ..Limits::default()
    };
    let lanes = Lanes::start_with(1, limits.dead_after).unwrap();
    let lane = lanes.next().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (a, b) = sockets().await;
        let (a, task) = end(a, 1, 2, &limits);
        tokio::spawn(task);
        // The callee's socket belongs to this runtime; only its task runs on the lane.
        let (sender, notices) = mpsc::channel(64);
        let dropped = Arc::new(Mutex::new(0));
        let service = Arc::new(Echo { notices: sender, dropped });
        let established = Established {
            stream: b,
            send_key: AeadKey::new([2; 32]),
            receive_key: AeadKey::new([1; 32]),
            leftover: BytesMut::new(),
            peer_frame_bytes_max: limits.frame_bytes_max,
        };
        let (callee, task) = link(established, service, &limits, Some(lane.clone()));
        drop(lane.runtime().spawn(async move { drop(task.await) }));
        let _notices = notices;
        let reply = a.link.call(request(3, &b"spun"[..])).unwrap();
        let vouch = async {
            loop {
                tokio::time::sleep(vouch_every(limits.dead_after)).await;
                callee.vouch_if_held_up(Instant::now());
            }
        };
        let reply = tokio::select! {
            biased;
            reply = reply => reply,
            () = vouch => unreachable!(),
        };
        assert_eq!(&reply.unwrap().bytes[..], b"spun");
        assert!(a.link.is_open());
    });
}

#[tokio::test]
async fn calls_in_frames_of_their_own_are_answered_together() {
    let (mut near, far) = sockets().await;
    let (_far, task) = end(far, 2, 1, &Limits::default());
    let mut sealer = Sealer::new(&AeadKey::new([1; 32]));
    let mut calls = Vec::new();
    for id in 1..=8 {
        let start = calls.len();
        calls.extend_from_slice(&[0; HEADER_BYTES]);
        record::encode(&Record::bare(RecordType::Call, CallId(id)), &mut calls);
        sealer.seal(&mut calls, start).unwrap();
    }
    near.write_all(&calls).await.unwrap();
    tokio::spawn(task);
    let mut opener = Opener::new(&AeadKey::new([2; 32]), 4096);
    let mut read = BytesMut::new();
    let mut frame = loop {
        near.read_buf(&mut read).await.unwrap();
        if let Some(frame) = opener.next_frame(&mut read).unwrap() {
            break frame.freeze();
        }
    };
    for id in 1..=8 {
        let answer = record::decode(&mut frame).unwrap().expect("it is in the same frame");
        assert_eq!((answer.kind, answer.call_id), (RecordType::Reply, CallId(id)));
    }
}
