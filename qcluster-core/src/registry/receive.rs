//! What this node believes of what it is told: the last word of each owner, and of itself nothing (G5, G8).

use super::record::{Entry, Message, Record, RecordBody};
use super::table::{NoPlace, Spread};
use super::{Context, Presence, Registry};
use crate::id::{Incarnation, NodeKey};
use crate::reason::DropReason;

/// What a record from elsewhere is.
enum Merge {
    News,
    /// It is known already, or overtaken.
    Known,
    Dropped(DropReason),
}

impl Registry {
    /// Takes a message from another node. If it shows a later incarnation of this node than the present one, or a
    /// version of the present one above which little is left, that incarnation is returned: only a still later
    /// incarnation has the last word, so the node should begin one and [rename](Self::rename) the registry.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>, from: NodeKey, message: Message) -> Option<Incarnation> {
        let (record, spread) = match message {
            Message::Record(record) => (record, Spread::Always),
            Message::Owed(record) => (record, Spread::WhileFew),
            Message::Compare(message) => {
                self.table.compare(from, &message);
                return None;
            }
        };
        cx.counters.records_received += 1;
        if !record.has_room() {
            cx.drop(DropReason::HugeVersion);
            return None;
        }
        let Ok(entry) = Entry::new(record) else {
            cx.drop(DropReason::BadRecord);
            return None;
        };
        if entry.owner == self.me {
            return self.receive_claim(cx, &entry);
        }
        self.receive_record(cx, from, entry, spread);
        None
    }

    fn receive_record(&mut self, cx: &mut Context<'_>, from: NodeKey, entry: Entry, spread: Spread) {
        let (owner, item) = (entry.owner, entry.item());
        match self.assess(from, item, &entry) {
            Merge::Known => cx.counters.records_known += 1,
            Merge::Dropped(reason) => cx.drop(reason),
            Merge::News => {
                let known = self.table.owners.get(owner);
                let is_first = known.is_none_or(|known| {
                    (known.records == 0 || known.incarnation < entry.incarnation) && known.presence == Presence::Gone
                });
                match self.table.put(cx.now, item, entry, spread) {
                    Ok(()) => cx.counters.records_news += 1,
                    Err(NoPlace::Owner | NoPlace::Table) => return cx.drop(DropReason::TooManyRecords),
                    Err(NoPlace::Collision) => return cx.drop(DropReason::RecordCollision),
                }
                if is_first {
                    self.table.await_claim(cx.now, owner);
                }
            }
        }
    }

    fn assess(&self, from: NodeKey, item: u64, entry: &Entry) -> Merge {
        let known = self.table.owners.get(entry.owner);
        if known.is_some_and(|known| entry.incarnation < known.incarnation) {
            return Merge::Known;
        }
        // A later incarnation begins with an empty list, once a record of it finds its place: of one that is refused, its owner
        // would never hear, and could not put it right.
        let is_later = known.is_some_and(|known| known.incarnation < entry.incarnation);
        if let Some(present) = self.table.get(item) {
            return if present.owner != entry.owner || present.id != entry.id {
                Merge::Dropped(DropReason::RecordCollision)
            } else if is_later || entry.rank() > present.rank() {
                Merge::News
            } else {
                Merge::Known
            };
        }
        // What is missing at or below the floor was deleted, and so was everything of an owner that was given up. Only
        // the owner's own word that it is there says otherwise: then it was merely missed (G8).
        let is_own_word = from == entry.owner && !entry.is_deleted();
        let is_over = known.is_some_and(|known| entry.version <= known.floor || known.is_forgotten);
        if is_over && !is_later && !is_own_word { Merge::Dropped(DropReason::DeletedRecord) } else { Merge::News }
    }

    /// A record of this node's own, as others have it. Where they have it otherwise, in a version that would win, this
    /// node says again what is true, above it.
    fn receive_claim(&mut self, cx: &mut Context<'_>, claim: &Entry) -> Option<Incarnation> {
        if claim.incarnation > self.incarnation {
            cx.counters.own_claims += 1;
            return Some(claim.incarnation);
        }
        let item = claim.item();
        let body = match self.table.find(item, self.me, &claim.id) {
            Some(own) if own.rank() == claim.rank() || claim.version < own.version => None,
            Some(own) => Some(own.body()),
            // Both say that it is gone. Another tombstone would meet the same one again, and so on forever.
            None if claim.is_deleted() => None,
            None => Some(RecordBody::Deleted),
        };
        let Some(body) = body.filter(|_| claim.incarnation == self.incarnation) else {
            cx.counters.records_known += 1;
            return None;
        };
        cx.counters.own_claims += 1;
        if claim.version >= Record::VERSION_HIGH {
            return Some(self.incarnation);
        }
        if self.write(cx.now, &claim.id, body, claim.version).is_err() {
            cx.drop(DropReason::TooManyRecords);
        }
        None
    }
}
