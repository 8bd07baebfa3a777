//! Peers that do not read, or do not take what is large: what waits for them is bounded, and a link
//! that owes them an answer is not idle.

use super::*;

const LARGE: usize = 1 << 20;

/// One end of a link by hand.
struct Hand {
    stream: Stream,
    sealer: Sealer,
    opener: Opener,
    read: BytesMut,
    frame: bytes::Bytes,
}

impl Hand {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            sealer: Sealer::new(&AeadKey::new([1; 32])),
            opener: Opener::new(&AeadKey::new([2; 32]), 1 << 20),
            read: BytesMut::new(),
            frame: bytes::Bytes::new(),
        }
    }

    async fn send(&mut self, record: &Record) {
        let mut frame = vec![0; HEADER_BYTES];
        record::encode(record, &mut frame);
        self.sealer.seal(&mut frame, 0).unwrap();
        self.stream.write_all(&frame).await.unwrap();
    }

    async fn next(&mut self) -> Record {
        loop {
            if let Some(record) = record::decode(&mut self.frame).unwrap() {
                return record;
            }
            match self.opener.next_frame(&mut self.read).unwrap() {
                Some(frame) => self.frame = frame.freeze(),
                None => _ = self.stream.read_buf(&mut self.read).await.unwrap(),
            }
        }
    }

    /// The next record of this type.
    async fn next_of(&mut self, kind: RecordType) -> Record {
        loop {
            let record = self.next().await;
            if record.kind == kind {
                return record;
            }
        }
    }

    async fn grant(&mut self, kind: RecordType, id: CallId, bytes: u32) {
        let mut window = Record::bare(RecordType::Window, id);
        window.command = kind as u16;
        window.body = bytes.to_be_bytes().to_vec().into();
        self.send(&window).await;
    }
}

fn cast(body: bytes::Bytes) -> Request {
    Request { wants_reply: false, ..request(0, body) }
}

/// How many of so many casts are let in, each with a turn of the link behind it.
async fn let_in(link: &Link, casts: usize, bytes: usize) -> usize {
    let body = bytes::Bytes::from(vec![0; bytes]);
    let mut count = 0;
    for _ in 0..casts {
        match link.cast(cast(body.clone())) {
            Ok(()) => count += 1,
            Err(refused) => {
                assert_eq!(refused, NotExecuted::overloaded("bytes queued for the link"));
            }
        }
        tokio::task::yield_now().await;
    }
    count
}

#[tokio::test]
async fn what_waits_for_a_peer_that_does_not_read_is_bounded_in_all() {
    let limits = Limits { queued_bytes_max: 4 << 20, ..Limits::default() };
    let (a, _deaf) = sockets().await;
    let (a, task) = end(a, 1, 2, &limits);
    tokio::spawn(task);
    let bytes = 64 << 10;
    let count = let_in(&a.link, 2000, bytes).await;
    // The sockets of both ends hold some megabytes too.
    assert!(count * bytes < 32 << 20, "{count} casts");
    assert!(count * bytes >= 4 << 20, "{count} casts");
}

#[tokio::test]
async fn large_requests_that_the_peer_does_not_take_are_bounded_too() {
    let limits = Limits { queued_bytes_max: 4 << 20, ..Limits::default() };
    let (a, near) = sockets().await;
    let (a, task) = end(a, 2, 1, &limits);
    tokio::spawn(task);
    assert_eq!(let_in(&a.link, 50, LARGE).await, 4);
    let mut near = Hand::new(near);
    let first = near.next_of(RecordType::Cast).await.call_id;
    near.grant(RecordType::Cast, first, LARGE as u32).await;
    near.next_of(RecordType::End).await;
    let mut count = 0;
    for _ in 0..1000 {
        count += let_in(&a.link, 1, LARGE).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(count, 1, "one is through, and one more has room");
}

#[tokio::test]
async fn a_link_is_not_idle_before_a_large_answer_is_written() {
    let (near, far) = sockets().await;
    let (far, task) = end(far, 2, 1, &Limits::default());
    tokio::spawn(task);
    let mut near = Hand::new(near);
    let mut call = Record::bare(RecordType::Call, CallId(9));
    call.command = 4;
    near.send(&call).await;
    let opening = near.next_of(RecordType::Reply).await;
    assert_eq!(opening.extension.total_bytes, Some(LARGE as u32));
    let mut got = 0;
    while got < LARGE {
        // The link has all the time that it wants.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!far.link.is_idle(), "{got} bytes of the answer are written");
        near.grant(RecordType::Reply, CallId(9), 256 << 10).await;
        let granted = got + (256 << 10);
        while got < granted {
            got += near.next().await.body.len();
        }
    }
    while !far.link.is_idle() {
        tokio::task::yield_now().await;
    }
}

/// Fills what the sockets take, and far more than the link puts into frames at a time.
async fn fill(link: &Link) {
    let body = bytes::Bytes::from(vec![0; 64 << 10]);
    for _ in 0..800 {
        link.cast(cast(body.clone())).unwrap();
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// A peer that reads a little now and then is neither silent nor stalled.
#[tokio::test(start_paused = true)]
async fn a_close_does_not_wait_behind_a_slow_reader() {
    let (a, near) = sockets().await;
    let (mut a, task) = end(a, 2, 1, &Limits::default());
    tokio::spawn(task);
    let mut near = Hand::new(near);
    fill(&a.link).await;
    let before = a.link.call(request(0, &b"before"[..])).unwrap();
    a.link.close(CloseCode::Revoked, "taken back");
    let behind = a.link.call(request(0, &b"behind"[..])).unwrap();
    let began = Instant::now();
    let reads = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            near.stream.read_buf(&mut near.read).await.unwrap();
            near.send(&Record::bare(RecordType::Pong, CallId(0))).await;
        }
    };
    let ends = async {
        let lost = CallError::not_executed(NotExecuted::LinkLost);
        assert_eq!(before.await, Err(lost.clone()), "it was held and is not sent");
        assert_eq!(behind.await, Err(lost), "nothing follows a close");
        a.notices.recv().await
    };
    let ended = tokio::select! {
        biased;
        ended = ends => ended,
        () = reads => unreachable!(),
        () = tokio::time::sleep(Duration::from_secs(5)) => panic!("the link outlives its close"),
    };
    let code = CloseCode::Revoked;
    assert_eq!(ended, Some(Notice::Ended(LinkEnd::ClosedHere { code })));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_drain_behind_a_slow_reader_refuses_at_once() {
    let (a, near) = sockets().await;
    let (a, task) = end(a, 2, 1, &Limits::default());
    tokio::spawn(task);
    let mut near = Hand::new(near);
    fill(&a.link).await;
    a.link.drain();
    tokio::task::yield_now().await;
    near.send(&Record::bare(RecordType::Call, CallId(9))).await;
    let refused = loop {
        let record = near.next().await;
        assert_ne!(record.kind, RecordType::Reply, "the call was served");
        if record.kind == RecordType::Error {
            break record;
        }
    };
    assert_eq!(refused.call_id, CallId(9));
}

/// Asks so many times for a large answer, all in one frame, and takes none: how many are opened,
/// and what is said to the others.
async fn ask_for_much(command: u16, calls: usize) -> (usize, Vec<CallError>) {
    let limits = Limits { write_bytes_max: 2 * LARGE, ..Limits::default() };
    let (near, far) = sockets().await;
    let (_far, task) = end(far, 2, 1, &limits);
    tokio::spawn(task);
    let mut near = Hand::new(near);
    let mut frame = vec![0; HEADER_BYTES];
    for id in 1..=calls {
        let mut call = Record::bare(RecordType::Call, CallId(id as u64));
        call.command = command;
        record::encode(&call, &mut frame);
    }
    near.sealer.seal(&mut frame, 0).unwrap();
    near.stream.write_all(&frame).await.unwrap();
    let (mut opened, mut refused) = (0, Vec::new());
    while opened + refused.len() < calls {
        let answer = near.next().await;
        match answer.kind {
            RecordType::Reply => opened += 1,
            RecordType::Error => {
                let error: crate::outcome::ErrorBody = answer.codec.decode(&answer.body).unwrap();
                refused.push(error.into_call_error(answer.call_id));
            }
            _ => {}
        }
    }
    (opened, refused)
}

#[tokio::test(start_paused = true)]
async fn who_takes_no_large_answers_is_refused_within_one_piece_of_a_frame() {
    let (opened, refused) = ask_for_much(4, 40).await;
    assert_eq!(opened, 3, "the third is over the bound");
    assert!(refused.iter().all(CallError::is_safe_to_retry), "none of them ran: {refused:?}");
}

#[tokio::test(start_paused = true)]
async fn large_answers_of_handlers_under_way_are_bounded_and_honest() {
    let (opened, refused) = ask_for_much(5, 40).await;
    assert_eq!(opened, 4, "twice the bound");
    for error in refused {
        let CallError::Failed { code, .. } = error else { panic!("it ran: {error}") };
        assert_eq!(code, "reply_not_taken");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_whose_handlers_wait_are_bounded_in_bytes() {
    let few = Limits { queued_bytes_max: 5 * LARGE, ..Limits::default() };
    let (a, b) = sockets().await;
    let (a, task_a) = end(a, 1, 2, &Limits::default());
    let (_b, task_b) = end(b, 2, 1, &few);
    tokio::spawn(task_a);
    tokio::spawn(task_b);
    let body = bytes::Bytes::from(vec![0; LARGE]);
    // Those that are answered at once take no room.
    for _ in 0..10 {
        assert!(a.link.call(request(0, body.clone())).unwrap().await.is_ok());
    }
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(a.link.call(request(1, body.clone())).unwrap());
        // Once this is answered, all of the other one has come in: they take turns.
        assert!(a.link.call(request(0, body.clone())).unwrap().await.is_ok());
    }
    waiting.push(a.link.call(request(1, body.clone())).unwrap());
    let reason = NotExecuted::overloaded("bytes of requests under way on the link");
    let refused = Err(CallError::not_executed(reason));
    assert_eq!(a.link.call(request(0, body.clone())).unwrap().await, refused);
    waiting.pop();
    // By its answer the other end has heard that the last one is withdrawn.
    drop(a.link.call(request(0, &b"small"[..])).unwrap().await);
    assert!(a.link.call(request(0, body.clone())).unwrap().await.is_ok(), "there is room again");
}
