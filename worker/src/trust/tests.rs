//! What is known of a peer while the schema changes.

use meshwork_shared::identity::{AuthorityKey, NodeKey};
use meshwork_shared::protocol::limits::REVOCATIONS_MAX;
use meshwork_shared::protocol::{MemberKey, Revocation};
use meshwork_shared::random::Random;
use meshwork_shared::ticket::{Bearer, Claims, SKEW_MAX_S, Ticket, Validity};

use super::*;

const NOW_S: u64 = 1_800_000_000;
const MESH: MeshId = MeshId([3; 16]);

/// The commands of `shop`, and who may call them. It and the buyer dial each other.
fn schema(number: u64, commands: &str) -> ActiveSchema {
    let text = format!(
        "[shop]\n_allow = [\"buyer\", \"rival\"]\n_connect = [\"buyer\"]\n\
         [shop._commands._balanced]\n{commands}\n\
         [buyer]\n_allow = [\"shop\"]\n_connect = [\"shop\"]\n\
         [rival]\n_connect = [\"shop\"]\n"
    );
    let schema = Arc::new(Schema::from_toml(&text).unwrap());
    let known = SchemaKnown { number, fingerprint: schema.fingerprint() };
    ActiveSchema { schema, known, signature: None }
}

/// What a `shop` knows, and a buyer that dials it.
struct Known {
    authority: AuthorityKey,
    trust: Trust,
    buyer: Peer,
}

/// A ticket of `buyer/two`, or of another variant.
fn ticket(authority: &AuthorityKey, node: NodeId, variant: &str) -> Vec<u8> {
    let (worker, variant) = ("buyer".parse().unwrap(), variant.parse().unwrap());
    let claims = Claims {
        mesh: MESH,
        subject: node,
        bearer: Bearer::Worker { worker, variant },
        schema_version: 1,
        serial: 7,
        incarnation: Incarnation(7),
        validity: Validity::starting(NOW_S),
    };
    Ticket::sign(claims, authority).unwrap().as_bytes().to_vec()
}

impl Known {
    fn new() -> Self {
        let authority = AuthorityKey::generate(&Random::system());
        let trust = Trust::new(MESH, Clock::fixed(NOW_S), &Limits::default());
        trust.with_policy(|policy| policy.trust(authority.public())).unwrap();
        let (worker, variant) = ("shop".parse().unwrap(), "one".parse().unwrap());
        let me = Caller { worker, variant, incarnation: Incarnation(1), node: NodeId([1; 32]) };
        trust.set_ticket(me, Bytes::from_static(b"ours"));
        let node = NodeKey::generate(&Random::system()).node_id();
        let ticket = ticket(&authority, node, "two");
        let introduction = Introduction { ticket, parameters: Parameters::default() };
        Self { authority, trust, buyer: Peer { node, introduction } }
    }

    /// What the link is numbered by, and whether the buyer may call `sell` on it.
    fn served(&self, verified: &Verified) -> (Vec<String>, bool) {
        let shop = "shop".parse().unwrap();
        let (numbering, schema) = self.trust.served(&shop, &verified.announced).unwrap();
        let names = numbering.commands.iter().map(|command| command.name.to_string()).collect();
        (names, schema.may_call("buyer", "shop", "sell"))
    }
}

#[test]
fn a_link_is_numbered_by_what_was_announced_and_allowed_by_what_holds_now() {
    let known = Known::new();
    let first = schema(10, "sell = {}");
    known.trust.set_schema(first.clone());
    let dialled = known.trust.verify(&known.buyer, Met::Dialled).unwrap();
    assert_eq!(known.served(&dialled), (vec!["sell".to_owned()], true));
    known.trust.set_schema(schema(11, "pack = {}\nsell = { allow = [\"rival\"] }"));
    assert_eq!(known.served(&dialled), (vec!["sell".to_owned()], false));
    // The same for one that dialled us, and heard of the first schema.
    let met = Met::Accepted { announced: Some(first.known) };
    let accepted = known.trust.verify(&known.buyer, met).unwrap();
    assert_eq!(known.served(&accepted), (vec!["sell".to_owned()], false));
}

#[test]
fn a_schema_that_is_told_again_pushes_none_out() {
    let known = Known::new();
    let (first, second) = (schema(10, "sell = {}"), schema(11, "pack = {}"));
    known.trust.set_schema(first.clone());
    known.trust.set_schema(second.clone());
    known.trust.set_schema(second);
    let met = Met::Accepted { announced: Some(first.known) };
    let verified = known.trust.verify(&known.buyer, met).unwrap();
    assert_eq!(verified.announced.known, first.known);
}

#[test]
fn who_heard_of_a_schema_that_is_forgotten_has_to_dial_again() {
    let known = Known::new();
    let first = schema(10, "sell = {}");
    known.trust.set_schema(first.clone());
    known.trust.set_schema(schema(11, "pack = {}"));
    known.trust.set_schema(schema(12, "pack = {}\nsell = {}"));
    for announced in [Some(first.known), None] {
        let refused = known.trust.verify(&known.buyer, Met::Accepted { announced });
        assert_eq!(refused.err().unwrap().code, CloseCode::NotReady);
    }
}

#[test]
fn a_pushed_ticket_must_be_of_who_is_linked() {
    let known = Known::new();
    let node = known.buyer.node;
    let key = |variant: &str| MemberKey {
        worker: "buyer".parse().unwrap(),
        variant: variant.parse().unwrap(),
    };
    let check = |variant: &str, key: &MemberKey, node: &NodeId| {
        let pushed = ticket(&known.authority, known.buyer.node, variant);
        known.trust.check_renewed(&pushed, key, node).map(|ticket| ticket.claims.serial)
    };
    assert_eq!(check("two", &key("two"), &node), Ok(7));
    // The same process may hold a good ticket of another name.
    assert_eq!(check("three", &key("two"), &node), Err("it is for another name".to_owned()));
    let other = NodeKey::generate(&Random::system()).node_id();
    assert!(check("two", &key("two"), &other).is_err());
}

#[test]
fn revocations_of_tickets_that_have_ended_make_room_for_others() {
    let known = Known::new();
    let ended = NOW_S - 2 * SKEW_MAX_S;
    let revoke = |from: u64, until_unix_s: u64, count: usize| {
        let serials = from..from + count as u64;
        let tickets = serials.map(|serial| Revocation { serial, until_unix_s });
        known.trust.revoke(&Revoke { tickets: tickets.collect() }).len()
    };
    assert_eq!(revoke(0, ended, REVOCATIONS_MAX), 0);
    assert_eq!(revoke(10_000, NOW_S, REVOCATIONS_MAX), 0);
    assert_eq!(revoke(20_000, NOW_S, 1), 1, "none of these has ended");
    assert_eq!(revoke(10_000, NOW_S, 1), 0, "one that is there is told again");
}
