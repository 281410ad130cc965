//! What is passed over unread.

use qcluster_core::{MembershipMessage, Message, ReconcileMessage, RegistryMessage, Session};

use super::GOSSIP;

#[test]
fn only_gossip_is_passed_over() {
    let first = |message: Message| postcard::to_allocvec(&message).unwrap()[0];
    // Given a message of each protocol that oracles do not judge, then its first byte tells it,
    assert_eq!(first(MembershipMessage::Nack { seq: 1 }.into()), GOSSIP[0]);
    assert_eq!(first(RegistryMessage::Compare(ReconcileMessage::Want(vec![])).into()), GOSSIP[1]);
    // and those that they judge come before.
    assert!(first(Message::Session(Session::Probe { nonce: 1 })) < GOSSIP[0]);
    assert!(
        first(Message::Election(qcluster_core::ElectionMessage::StaleTerm { term: qcluster_core::Term(1) }))
            < GOSSIP[0]
    );
    assert!(first(Message::Observer(qcluster_core::ObserverMessage::Subscribe)) < GOSSIP[0]);
}
