//! A table that is nothing but "the last word wins", and the registry beside it (G5).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{Message, World};
use crate::id::{Incarnation, NodeKey};
use crate::reconcile::Stamped;
use crate::registry::record::Entry;
use crate::registry::{Health, Presence, Record, RecordBody, ServiceFacts};

/// The reference: the latest incarnation of each owner, and the greatest version of each of its records.
#[derive(Default)]
struct Model {
    incarnations: BTreeMap<NodeKey, Incarnation>,
    records: BTreeMap<(NodeKey, String), Record>,
}

impl Model {
    fn receive(&mut self, record: &Record) {
        let incarnation = self.incarnations.entry(record.owner).or_insert(record.incarnation);
        if record.incarnation < *incarnation {
            return;
        }
        if record.incarnation > *incarnation {
            *incarnation = record.incarnation;
            self.records.retain(|(owner, _), _| *owner != record.owner);
        }
        let rank = |record: &Record| (record.version, Entry::new(record.clone()).unwrap().stamp());
        let key = (record.owner, record.id.clone());
        if self.records.get(&key).is_none_or(|present| rank(present) < rank(record)) {
            self.records.insert(key, record.clone());
        }
    }

    /// What is visible where every owner is there in its latest incarnation.
    fn visible(&self) -> Vec<(NodeKey, String, u16)> {
        let ports = self.records.iter().filter_map(|((owner, id), record)| match &record.body {
            RecordBody::Service(facts) => Some((*owner, id.clone(), facts.port)),
            RecordBody::Metadata(_) | RecordBody::Deleted => None,
        });
        ports.collect()
    }
}

fn record() -> impl Strategy<Value = Record> {
    (10..12_u64, 1..3_u64, 1..5_u64, 0..3_u8, prop::option::of(1..4_u16)).prop_map(
        |(owner, incarnation, version, id, port)| {
            let facts = |port| ServiceFacts {
                name: "billing".into(),
                host: None,
                port,
                tags: Vec::new(),
                metadata: "{}".into(),
                health: Health::Passing,
                ttl_ms: None,
            };
            let body = port.map_or(RecordBody::Deleted, |port| RecordBody::Service(facts(port)));
            Record { owner: NodeKey(owner), incarnation: Incarnation(incarnation), version, id: format!("s{id}"), body }
        },
    )
}

proptest! {
    #[test]
    fn g5_the_last_word_wins_in_whatever_order_and_however_often_it_comes(
        records in prop::collection::vec(record(), 1..40),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let mut world = World::new(2);
        let mut model = Model::default();
        let forth = records.iter().chain(again.iter().map(|index| index.get(&records)));
        for record in forth {
            model.receive(record);
            world.deliver(1, 0, &Message::Record(record.clone()));
        }
        for record in records.iter().rev() {
            world.deliver(0, 1, &Message::Record(record.clone()));
        }
        for (owner, incarnation) in &model.incarnations {
            for n in [0, 1] {
                world.nodes[n].registry.set_presence(*owner, Presence::Here(*incarnation));
            }
        }
        for n in [0, 1] {
            let shown = world.nodes[n].registry.services(None);
            let shown: Vec<_> = shown.map(|it| (it.owner, it.service.id.clone(), it.service.port)).collect();
            prop_assert_eq!(&shown, &model.visible());
            prop_assert_eq!(world.nodes[n].registry.counts().records, model.records.len());
        }
        prop_assert_eq!(world.nodes[0].registry.root(), world.nodes[1].registry.root());
    }
}
