//! Every change is told exactly once: replayed, the changes give what is visible.

use alloc::collections::BTreeMap;
use alloc::format;

use proptest::prelude::*;

use super::{World, service};
use crate::id::Incarnation;
use crate::registry::watch::Fact;
use crate::registry::{Change, Instance, Presence, ServiceChange, ServiceKey};
use crate::time::Span;

/// What a watcher makes of the changes that it is told.
#[derive(Default)]
struct Watcher {
    visible: BTreeMap<ServiceKey, Instance>,
}

impl Watcher {
    fn take(&mut self, world: &mut World, n: usize) -> usize {
        let mut taken = 0;
        while let Some(change) = world.nodes[n].registry.next_change() {
            taken += 1;
            let Change::Service(change) = change else { continue };
            let key = change.instance().key();
            match change {
                ServiceChange::Added(instance) => {
                    assert_eq!(self.visible.insert(key, instance), None, "added twice");
                }
                ServiceChange::Changed(instance) => {
                    let before = self.visible.insert(key, instance.clone()).expect("changed and not there");
                    assert_ne!(before, instance, "changed into the same");
                }
                ServiceChange::Removed(instance) => {
                    assert_eq!(self.visible.remove(&key), Some(instance), "removed as it was told last");
                }
            }
        }
        let mut shown: BTreeMap<ServiceKey, Instance> = BTreeMap::new();
        shown.extend(world.nodes[n].registry.services(None).map(|instance| (instance.key(), instance)));
        assert_eq!(self.visible, shown, "the changes add up to what is visible");
        taken
    }
}

#[derive(Clone, Debug)]
enum Step {
    Register(u8, u16),
    Deregister(u8),
    Compare,
    Gone,
    Here,
    NewIncarnation,
    Forget,
    Pass(u16),
    Look,
}

fn steps() -> impl Strategy<Value = alloc::vec::Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u8, 0..3_u16).prop_map(|(id, port)| Step::Register(id, port)),
        2 => (0..3_u8).prop_map(Step::Deregister),
        4 => Just(Step::Compare),
        1 => Just(Step::Gone),
        2 => Just(Step::Here),
        1 => Just(Step::NewIncarnation),
        1 => Just(Step::Forget),
        1 => (0..u16::MAX).prop_map(Step::Pass),
        3 => Just(Step::Look),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn g10_added_changed_and_removed_come_exactly_once_however_rarely_one_looks(steps in steps()) {
        let mut world = World::new(2);
        let mut watchers = [Watcher::default(), Watcher::default()];
        for step in steps {
            let incarnation = world.nodes[0].incarnation;
            match step {
                Step::Register(id, port) => world.register(0, &service(&format!("s{id}"), port)),
                Step::Deregister(id) => {
                    let id = format!("s{id}");
                    world.at(0, |registry, cx| registry.deregister(cx, &id)).ok();
                }
                Step::Compare => world.compare(0, 1),
                Step::Gone => world.sees(1, 0, Presence::Gone),
                Step::Here => world.sees(1, 0, Presence::Here(incarnation)),
                Step::NewIncarnation => {
                    let (incarnation, now) = (Incarnation(incarnation.0 + 1), world.now);
                    world.nodes[0].incarnation = incarnation;
                    world.nodes[0].registry.rename(now, incarnation);
                }
                Step::Forget => {
                    let key = world.key(0);
                    world.nodes[1].registry.forget_owner(key);
                }
                Step::Pass(secs) => world.pass(Span::from_millis(u64::from(secs) * 1_000)),
                Step::Look => {
                    watchers.iter_mut().enumerate().for_each(|(n, watcher)| { watcher.take(&mut world, n); });
                }
            }
        }
        for (n, watcher) in watchers.iter_mut().enumerate() {
            watcher.take(&mut world, n);
            prop_assert_eq!(watcher.take(&mut world, n), 0, "nothing is told twice");
        }
        let incarnation = world.nodes[0].incarnation;
        world.sees(1, 0, Presence::Here(incarnation));
        world.settle(&[0, 1]);
        world.assert_agreed();
        watchers[1].take(&mut world, 1);
    }
}

#[test]
fn what_comes_and_goes_unseen_leaves_no_trace() {
    let mut world = World::new(1);
    world.register(0, &service("a", 1));
    world.deregister(0, "a");
    assert_eq!(world.nodes[0].registry.next_change(), None);
}

/// Two names with one hash, of which the second came when the first was gone.
#[test]
fn an_item_that_another_record_has_taken_is_removed_first_and_then_added() {
    let fact = |id: &str| Instance { owner: crate::NodeKey(1), service: service(id, 1).into() };
    let (a, b) = (fact("a"), fact("b"));
    let mut watch = crate::registry::watch::Watch::default();
    let mut next = |instance: &Instance| {
        watch.touch(7);
        let change = watch.tell(7, Some(Fact::Service(instance.clone())));
        (change, watch.next())
    };
    assert_eq!(next(&a), (Some(Change::Service(ServiceChange::Added(a.clone()))), None));
    assert_eq!(next(&b), (Some(Change::Service(ServiceChange::Removed(a))), Some(7)), "and there is more to tell");
    assert_eq!(next(&b), (Some(Change::Service(ServiceChange::Added(b.clone()))), None));
}

#[test]
fn a_restart_that_nobody_noticed_is_no_change_if_nothing_changed() {
    let mut world = World::new(1);
    world.register(0, &service("a", 1));
    let mut watcher = Watcher::default();
    assert_eq!(watcher.take(&mut world, 0), 1);
    let now = world.now;
    world.nodes[0].registry.rename(now, Incarnation(2 << 40));
    assert_eq!(watcher.take(&mut world, 0), 0);
}

#[test]
fn a_nodes_word_about_itself_is_told_when_it_changes_and_when_it_is_no_more() {
    let mut world = World::new(2);
    let key = world.key(0);
    let say = |world: &mut World, rack: u64| {
        world.at(0, |registry, cx| registry.set_metadata(cx, &[("rack".into(), rack.into())].into())).unwrap();
        world.compare(0, 1);
        world.nodes[1].registry.next_change()
    };
    assert_eq!(say(&mut world, 1), Some(Change::Metadata(key)));
    assert_eq!(say(&mut world, 1), None, "nothing new");
    assert_eq!(say(&mut world, 2), Some(Change::Metadata(key)));
    world.nodes[1].registry.forget_owner(key);
    assert_eq!(world.nodes[1].registry.next_change(), Some(Change::Metadata(key)));
    assert_eq!(world.nodes[1].registry.metadata_of(key), None);
    assert_eq!(world.nodes[1].registry.next_change(), None);
}
