//! Both ends of a handshake with a network in between that does as it likes: cuts, changes, drops,
//! doubles and invents bytes, and callers that answer in any order.
//!
//! Neither end panics. The acceptor answers nobody who has not proven the pre-shared key. Whoever
//! is shown as the peer is the other end, and if the acceptor has a link, the dialer has the same.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use meshwork_shared::handshake::{
    Acceptor, AcceptorStep, Dialer, DialerStep, Established, Introduction,
};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::random::Random;
use meshwork_shared::secret::{LinkKind, MeshSecret, Psk};

/// One thing that the network or a caller does.
#[derive(Arbitrary, Debug)]
enum Operation {
    /// Some bytes arrive at the acceptor.
    ToAcceptor(u16),
    /// Some bytes arrive at the dialer.
    ToDialer(u16),
    /// Bits of a byte on the way are flipped.
    Flip { to_acceptor: bool, at: u16, bits: u8 },
    /// Bytes on the way are lost.
    Lose { to_acceptor: bool, count: u16 },
    /// Bytes are put before those on the way.
    Invent { to_acceptor: bool, bytes: Vec<u8> },
    /// The bytes on the way come twice.
    Double { to_acceptor: bool },
    /// The acceptor's caller answers the question for the key.
    AnswerPsk { known: bool },
    /// The acceptor's caller introduces itself with a ticket.
    Introduce { ticket: Vec<u8> },
    /// The dialer's caller goes on.
    FinishDialer { ticket: Vec<u8> },
    /// The acceptor's caller goes on; nothing can follow.
    FinishAcceptor,
}

struct Network {
    random: Random,
    psk: Psk,
    dialer_key: NodeKey,
    acceptor_key: NodeKey,
    dialer: Option<Dialer>,
    acceptor: Option<Acceptor>,
    /// What each end has read and not used.
    dialer_read: BytesMut,
    acceptor_read: BytesMut,
    /// What is on its way.
    to_dialer: Vec<u8>,
    to_acceptor: Vec<u8>,
    dialed: Option<Established>,
    was_told_the_key: bool,
}

impl Network {
    fn new() -> Self {
        let random = Random::seeded(1);
        let psk = MeshSecret::generate(&random).psk(LinkKind::Data);
        let (dialer_key, acceptor_key) = (NodeKey::generate(&random), NodeKey::generate(&random));
        let (dialer, to_acceptor) =
            Dialer::new(LinkKind::Data, &psk, &dialer_key, &random).expect("a dialer starts");
        Self {
            random,
            psk,
            dialer_key,
            acceptor_key,
            dialer: Some(dialer),
            acceptor: Some(Acceptor::new()),
            dialer_read: BytesMut::new(),
            acceptor_read: BytesMut::new(),
            to_dialer: Vec::new(),
            to_acceptor,
            dialed: None,
            was_told_the_key: false,
        }
    }

    fn way(&mut self, to_acceptor: bool) -> &mut Vec<u8> {
        if to_acceptor { &mut self.to_acceptor } else { &mut self.to_dialer }
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::ToAcceptor(count) => self.arrive_at_acceptor(count.into()),
            Operation::ToDialer(count) => self.arrive_at_dialer(count.into()),
            Operation::Flip { to_acceptor, at, bits } => {
                if let Some(byte) = self.way(to_acceptor).get_mut(usize::from(at)) {
                    *byte ^= bits;
                }
            }
            Operation::Lose { to_acceptor, count } => {
                let way = self.way(to_acceptor);
                way.drain(..usize::from(count).min(way.len()));
            }
            Operation::Invent { to_acceptor, bytes } => {
                self.way(to_acceptor).splice(0..0, bytes);
            }
            Operation::Double { to_acceptor } => {
                let way = self.way(to_acceptor);
                way.extend_from_within(..way.len().min(2048));
            }
            Operation::AnswerPsk { known } => self.answer_psk(known),
            Operation::Introduce { ticket } => self.introduce(ticket),
            Operation::FinishDialer { ticket } => self.finish_dialer(ticket),
            Operation::FinishAcceptor => self.finish_acceptor(),
        }
    }

    fn arrive_at_acceptor(&mut self, count: usize) {
        let count = count.min(self.to_acceptor.len());
        self.acceptor_read.extend(self.to_acceptor.drain(..count));
        let Some(acceptor) = &mut self.acceptor else { return };
        match acceptor.handle(&mut self.acceptor_read) {
            Ok(AcceptorStep::NeedMore | AcceptorStep::LookupPsk(_)) => {}
            Ok(AcceptorStep::Introduce) => assert!(self.was_told_the_key),
            Ok(AcceptorStep::VerifyDialer(peer)) => {
                assert_eq!(peer.node, self.dialer_key.node_id())
            }
            Err(_) => self.acceptor = None,
        }
    }

    fn arrive_at_dialer(&mut self, count: usize) {
        let count = count.min(self.to_dialer.len());
        self.dialer_read.extend(self.to_dialer.drain(..count));
        let Some(dialer) = &mut self.dialer else { return };
        match dialer.handle(&mut self.dialer_read) {
            Ok(DialerStep::NeedMore) => {}
            Ok(DialerStep::VerifyAcceptor(peer)) => {
                assert_eq!(peer.node, self.acceptor_key.node_id());
            }
            Err(_) => self.dialer = None,
        }
    }

    fn answer_psk(&mut self, known: bool) {
        let psk = known.then_some(&self.psk);
        let Some(acceptor) = &mut self.acceptor else { return };
        match acceptor.psk(psk, &self.acceptor_key, &self.random) {
            Ok(()) => self.was_told_the_key = known,
            Err(_) => self.acceptor = None,
        }
    }

    fn introduce(&mut self, ticket: Vec<u8>) {
        let Some(acceptor) = &mut self.acceptor else { return };
        match acceptor.introduce(&Introduction { ticket, ..Introduction::default() }) {
            Ok(bytes) => self.to_dialer.extend(bytes),
            Err(_) => self.acceptor = None,
        }
    }

    fn finish_dialer(&mut self, ticket: Vec<u8>) {
        let Some(dialer) = self.dialer.take() else { return };
        let introduction = Introduction { ticket, ..Introduction::default() };
        if let Ok((bytes, established)) = dialer.finish(&introduction) {
            self.to_acceptor.extend(bytes);
            self.dialed = Some(established);
        }
    }

    fn finish_acceptor(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        if let Ok(accepted) = acceptor.finish() {
            let dialed = self.dialed.as_ref().expect("nobody else can have finished");
            assert_eq!(dialed.send_key, accepted.receive_key);
            assert_eq!(dialed.receive_key, accepted.send_key);
        }
    }
}

fuzz_target!(|operations: Vec<Operation>| {
    let mut network = Network::new();
    operations.into_iter().for_each(|operation| network.apply(operation));
});
