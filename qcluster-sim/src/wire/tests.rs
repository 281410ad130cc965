//! What is passed over unread, and what is read once.

use qcluster_core::{
    ElectionMessage, MembershipMessage, Message, ObserverMessage, ReconcileMessage, RegistryMessage, Session, Term,
};

use super::{DIGEST_LEN, GOSSIP, PREFIX_LEN, Reader, read};

#[test]
fn only_gossip_is_passed_over() {
    let first = |message: Message| postcard::to_allocvec(&message).unwrap()[0];
    // Given a message of each protocol that oracles do not judge, then its first byte tells it,
    assert_eq!(first(MembershipMessage::Nack { seq: 1 }.into()), GOSSIP[0]);
    assert_eq!(first(RegistryMessage::Compare(ReconcileMessage::Want(vec![])).into()), GOSSIP[1]);
    // and those that they judge come before.
    assert!(first(Message::Session(Session::Probe { nonce: 1 })) < GOSSIP[0]);
    assert!(first(Message::Election(ElectionMessage::StaleTerm { term: Term(1) })) < GOSSIP[0]);
    assert!(first(Message::Observer(ObserverMessage::Subscribe)) < GOSSIP[0]);
}

/// A datagram to that incarnation, with a checksum that nobody looks at.
fn datagram(to_incarnation: u64, message: &Message) -> Vec<u8> {
    let mut bytes = vec![0; PREFIX_LEN];
    bytes.extend([1, 2, to_incarnation].map(u64::to_le_bytes).concat());
    bytes.extend([0; DIGEST_LEN + 1]);
    bytes.extend(postcard::to_allocvec(message).unwrap());
    bytes.extend([0xff; 4]);
    bytes
}

#[test]
fn what_is_read_once_is_what_it_says() {
    let stale = |term| Message::Election(ElectionMessage::StaleTerm { term: Term(term) });
    let messages = [
        stale(1),
        stale(1),
        stale(2),
        // Begins as the one before, and is longer.
        stale(2 + (1 << 40)),
        MembershipMessage::Nack { seq: 1 }.into(),
        MembershipMessage::Nack { seq: 2 }.into(),
        stale(2),
        Message::Session(Session::Probe { nonce: 1 }),
    ];
    let mut reader = Reader::default();
    for (to, message) in (0..).zip(messages) {
        let bytes = datagram(to, &message);
        assert!(read(&bytes).is_some(), "{bytes:?}");
        assert_eq!(reader.read(&bytes), read(&bytes));
        assert_eq!(reader.read(&bytes[..PREFIX_LEN + 20]), None, "it is cut short");
    }
}
