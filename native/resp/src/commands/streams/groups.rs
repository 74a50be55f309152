//! What consumer groups know: read, changed, written back.
//!
//! **Invariant.** Pending entries are added, passed on and dropped by the methods here alone, which keep both their places and the
//! counts of group and consumers; the caller ends with [`Open::save`].

use super::entries::{self, Stream};
use crate::command::{Abort, Context};
use crate::commands::edge;
use hyperdb_graph::stream::{
    all_held_prefix, consumer_key, consumers_prefix, group_key, held_prefix, name_behind,
    pending_prefix, Consumer, Group, Id, Pending, GROUPS,
};
use hyperdb_graph::{Direction, Step, Turn};
use std::ops::{Bound, ControlFlow};

/// A group as it was read.
pub(super) struct Open<'n> {
    pub name: &'n [u8],
    pub group: Group,
}

/// A consumer that was heard of now, and whether that is the first time.
pub(super) struct Greeted {
    pub consumer: Consumer,
    pub is_new: bool,
}

/// Entries delivered to a consumer for the first time: the keys of their two places, and what is written there.
pub(super) struct Delivery {
    pending: Vec<u8>,
    held: Vec<u8>,
    record: Vec<u8>,
}

/// Text of a name in an error, which C ends at its first zero byte.
pub(super) fn shown(name: &[u8]) -> String {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// The group `name` of a stream, if there is one.
pub(super) fn find<'n>(turn: &Turn<'_>, stream: &Stream, name: &'n [u8]) -> Step<Option<Open<'n>>> {
    let record = turn.member(stream.app, stream.companion(), &group_key(name))?;
    let Some(record) = record else {
        return Ok(None);
    };
    let group = Group::decode(&record).ok_or_else(|| edge::malformed("a consumer group"))?;
    Ok(Some(Open { name, group }))
}

/// The stream at `key` and its group, or NOGROUP.
pub(super) fn require<'n>(
    cx: &Context<'_, '_>,
    key: &[u8],
    name: &'n [u8],
) -> Result<(Stream, Open<'n>), Abort> {
    if let Some(stream) = entries::open(cx, key)? {
        if let Some(open) = find(cx.turn, &stream, name)? {
            return Ok((stream, open));
        }
    }
    Err(Abort::error(format!(
        "NOGROUP No such key '{}' or consumer group '{}'",
        shown(key),
        shown(name)
    )))
}

/// Visits all members of the companion whose keys begin with `prefix`: their key and value.
pub(super) fn each(
    turn: &Turn<'_>,
    stream: &Stream,
    prefix: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Step<ControlFlow<()>>,
) -> Step<()> {
    let mut after = prefix.to_vec();
    // Names are escaped, so no key behind a prefix begins with its last byte raised but those outside of it.
    if let Some(last) = after.last_mut() {
        *last += 1;
    }
    let mut walk = turn.members(
        stream.app,
        stream.companion(),
        Bound::Included(prefix),
        Bound::Excluded(&after),
        Direction::Forward,
    );
    while let Some((key, value)) = walk.next()? {
        if visit(key, &value)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// All groups of a stream, by name.
pub(super) fn all(turn: &Turn<'_>, stream: &Stream) -> Step<Vec<(Vec<u8>, Group)>> {
    let mut found = Vec::new();
    each(turn, stream, &GROUPS, |key, value| {
        let name = name_behind(key, &GROUPS);
        let (Some(name), Some(group)) = (name, Group::decode(value)) else {
            return Err(edge::malformed("a consumer group"));
        };
        found.push((name, group));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Writes a group that is new.
pub(super) fn create(
    turn: &mut Turn<'_>,
    stream: &Stream,
    name: &[u8],
    last: Id,
    read: Option<u64>,
) -> Step<()> {
    let group = Group {
        last,
        read,
        pending: 0,
        consumers: 0,
    };
    let key = group_key(name);
    turn.insert_member(stream.app, stream.companion(), &key, &group.encode())
}

impl Open<'_> {
    /// Writes the group back.
    pub(super) fn save(&self, turn: &mut Turn<'_>, stream: &Stream) -> Step<()> {
        let key = group_key(self.name);
        turn.put_member(stream.app, stream.companion(), &key, &self.group.encode())
    }

    /// A consumer, if there is one.
    pub(super) fn consumer(
        &self,
        turn: &Turn<'_>,
        stream: &Stream,
        name: &[u8],
    ) -> Step<Option<Consumer>> {
        let key = consumer_key(self.name, name);
        match turn.member(stream.app, stream.companion(), &key)? {
            None => Ok(None),
            Some(record) => Consumer::decode(&record)
                .map(Some)
                .ok_or_else(|| edge::malformed("a consumer")),
        }
    }

    /// Writes a consumer; one that is new is counted.
    pub(super) fn put_consumer(
        &mut self,
        turn: &mut Turn<'_>,
        stream: &Stream,
        name: &[u8],
        greeted: &Greeted,
    ) -> Step<()> {
        let key = consumer_key(self.name, name);
        self.group.consumers += u64::from(greeted.is_new);
        let record = greeted.consumer.encode();
        turn.put_member(stream.app, stream.companion(), &key, &record)
    }

    /// A consumer that was heard of now, new if there was none; not yet written.
    pub(super) fn greet(&self, turn: &Turn<'_>, stream: &Stream, name: &[u8]) -> Step<Greeted> {
        let seen = turn.now_ms();
        Ok(match self.consumer(turn, stream, name)? {
            Some(consumer) => Greeted {
                consumer: Consumer { seen, ..consumer },
                is_new: false,
            },
            None => Greeted {
                consumer: Consumer {
                    seen,
                    active: -1,
                    pending: 0,
                },
                is_new: true,
            },
        })
    }

    /// All consumers, by name.
    pub(super) fn consumers(
        &self,
        turn: &Turn<'_>,
        stream: &Stream,
    ) -> Step<Vec<(Vec<u8>, Consumer)>> {
        let prefix = consumers_prefix(self.name);
        let mut found = Vec::new();
        each(turn, stream, &prefix, |key, value| {
            let name = name_behind(key, &prefix);
            let (Some(name), Some(consumer)) = (name, Consumer::decode(value)) else {
                return Err(edge::malformed("a consumer"));
            };
            found.push((name, consumer));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// A pending entry.
    pub(super) fn pending(
        &self,
        turn: &Turn<'_>,
        stream: &Stream,
        id: Id,
    ) -> Step<Option<Pending>> {
        let key = with_id(pending_prefix(self.name), id);
        match turn.member(stream.app, stream.companion(), &key)? {
            None => Ok(None),
            Some(record) => decode_pending(&record).map(Some),
        }
    }

    /// Visits the pending entries of an interval, ends included, of all consumers or of one, until told to stop.
    pub(super) fn walk_pending(
        &self,
        turn: &Turn<'_>,
        stream: &Stream,
        consumer: Option<&[u8]>,
        (start, end): (Id, Id),
        mut visit: impl FnMut(Id, Pending) -> ControlFlow<()>,
    ) -> Step<()> {
        let prefix = match consumer {
            None => pending_prefix(self.name),
            Some(name) => held_prefix(self.name, name),
        };
        let (start, end) = (with_id(prefix.clone(), start), with_id(prefix.clone(), end));
        let mut walk = turn.members(
            stream.app,
            stream.companion(),
            Bound::Included(&start),
            Bound::Included(&end),
            Direction::Forward,
        );
        while let Some((key, value)) = walk.next()? {
            let id = key
                .get(prefix.len()..)
                .and_then(Id::from_bytes)
                .ok_or_else(|| edge::malformed("a pending entry"))?;
            let pending = match consumer {
                None => decode_pending(&value)?,
                Some(_) => self
                    .pending(turn, stream, id)?
                    .ok_or_else(|| edge::malformed("a pending entry"))?,
            };
            if visit(id, pending).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The first or the last pending entry's id.
    pub(super) fn pending_edge(
        &self,
        turn: &Turn<'_>,
        stream: &Stream,
        direction: Direction,
    ) -> Step<Option<Id>> {
        let prefix = pending_prefix(self.name);
        let ends = [Id::MIN, Id::MAX].map(|id| with_id(prefix.clone(), id));
        let mut walk = turn.members(
            stream.app,
            stream.companion(),
            Bound::Included(&ends[0]),
            Bound::Included(&ends[1]),
            direction,
        );
        match walk.next()? {
            None => Ok(None),
            Some((key, _)) => key
                .get(prefix.len()..)
                .and_then(Id::from_bytes)
                .map(Some)
                .ok_or_else(|| edge::malformed("a pending entry")),
        }
    }

    /// Writes a pending entry, new or held by its consumer already.
    pub(super) fn put_pending(
        &self,
        turn: &mut Turn<'_>,
        stream: &Stream,
        id: Id,
        pending: &Pending,
    ) -> Step<()> {
        let key = with_id(pending_prefix(self.name), id);
        turn.put_member(stream.app, stream.companion(), &key, &pending.encode())
    }

    /// Gives an entry to a consumer that must be written by the caller; `old` is how it was pending before.
    pub(super) fn assign(
        &mut self,
        turn: &mut Turn<'_>,
        stream: &Stream,
        (id, old): (Id, Option<&Pending>),
        pending: &Pending,
        consumer: &mut Consumer,
    ) -> Step<()> {
        let is_held = old.is_some_and(|old| old.consumer == pending.consumer);
        match old {
            None => self.group.pending += 1,
            Some(old) if !is_held => self.unhold(turn, stream, id, &old.consumer)?,
            Some(_) => {}
        }
        if !is_held {
            let key = with_id(held_prefix(self.name, &pending.consumer), id);
            turn.put_member(stream.app, stream.companion(), &key, &[])?;
            consumer.pending += 1;
        }
        self.put_pending(turn, stream, id, pending)
    }

    /// What deliveries to a consumer write.
    pub(super) fn delivery(&self, pending: &Pending) -> Delivery {
        Delivery {
            pending: with_id(pending_prefix(self.name), Id::MIN),
            held: with_id(held_prefix(self.name, &pending.consumer), Id::MIN),
            record: pending.encode(),
        }
    }

    /// Gives an entry to a consumer that must be written by the caller, if it is nobody's; whether it was not.
    pub(super) fn deliver(
        &mut self,
        turn: &mut Turn<'_>,
        stream: &Stream,
        id: Id,
        delivery: &mut Delivery,
        consumer: &mut Consumer,
    ) -> Step<bool> {
        let (app, companion) = (stream.app, stream.companion());
        delivery.aim(id);
        if self.group.pending > 0 && turn.member(app, companion, &delivery.pending)?.is_some() {
            return Ok(false);
        }
        // Both places are free, since both hold the same entries.
        turn.insert_member(app, companion, &delivery.held, &[])?;
        turn.insert_member(app, companion, &delivery.pending, &delivery.record)?;
        self.group.pending += 1;
        consumer.pending += 1;
        Ok(true)
    }

    /// Takes an entry from the consumer that holds it.
    fn unhold(&self, turn: &mut Turn<'_>, stream: &Stream, id: Id, holder: &[u8]) -> Step<()> {
        let key = with_id(held_prefix(self.name, holder), id);
        turn.remove_member(stream.app, stream.companion(), &key)?;
        if let Some(mut consumer) = self.consumer(turn, stream, holder)? {
            consumer.pending = consumer.pending.saturating_sub(1);
            let key = consumer_key(self.name, holder);
            turn.put_member(stream.app, stream.companion(), &key, &consumer.encode())?;
        }
        Ok(())
    }

    /// Ends an entry's being pending.
    pub(super) fn settle(
        &mut self,
        turn: &mut Turn<'_>,
        stream: &Stream,
        id: Id,
        pending: &Pending,
    ) -> Step<()> {
        self.unhold(turn, stream, id, &pending.consumer)?;
        let key = with_id(pending_prefix(self.name), id);
        turn.remove_member(stream.app, stream.companion(), &key)?;
        self.group.pending = self.group.pending.saturating_sub(1);
        Ok(())
    }

    /// Removes a consumer with its pending entries; how many these were, `None` if there is no such consumer.
    pub(super) fn remove_consumer(
        &mut self,
        turn: &mut Turn<'_>,
        stream: &Stream,
        name: &[u8],
    ) -> Step<Option<u64>> {
        let Some(consumer) = self.consumer(turn, stream, name)? else {
            return Ok(None);
        };
        let prefix = held_prefix(self.name, name);
        let mut doomed = vec![consumer_key(self.name, name)];
        each(turn, stream, &prefix, |key, _| {
            let id = key.get(prefix.len()..).unwrap_or_default();
            doomed.push([&pending_prefix(self.name)[..], id].concat());
            doomed.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        for key in &doomed {
            turn.remove_member(stream.app, stream.companion(), key)?;
        }
        self.group.pending = self.group.pending.saturating_sub(consumer.pending);
        self.group.consumers = self.group.consumers.saturating_sub(1);
        Ok(Some(consumer.pending))
    }

    /// Removes the group with all that it knows.
    pub(super) fn destroy(self, turn: &mut Turn<'_>, stream: &Stream) -> Step<()> {
        let mut doomed = vec![group_key(self.name)];
        for prefix in [
            consumers_prefix(self.name),
            pending_prefix(self.name),
            all_held_prefix(self.name),
        ] {
            each(turn, stream, &prefix, |key, _| {
                doomed.push(key.to_vec());
                Ok(ControlFlow::Continue(()))
            })?;
        }
        for key in &doomed {
            turn.remove_member(stream.app, stream.companion(), key)?;
        }
        Ok(())
    }
}

impl Delivery {
    /// Turns to an entry, whose id both keys end with.
    fn aim(&mut self, id: Id) {
        for key in [&mut self.pending, &mut self.held] {
            if let Some(end) = key.last_chunk_mut::<16>() {
                *end = id.to_bytes();
            }
        }
    }
}

fn with_id(mut prefix: Vec<u8>, id: Id) -> Vec<u8> {
    prefix.extend_from_slice(&id.to_bytes());
    prefix
}

fn decode_pending(record: &[u8]) -> Step<Pending> {
    Pending::decode(record).ok_or_else(|| edge::malformed("a pending entry"))
}

/// How far a group has read, in entries of all that were ever added.
///
/// **Theory.** Entries that were trimmed lie before all others, so counting goes on across them; one that was removed from the
/// middle hides how many lie before an id, and then nothing is said rather than something wrong.
#[derive(Clone, Copy)]
pub(super) struct Progress {
    added: u64,
    count: u64,
    first: Option<Id>,
    last: Id,
    max_removed: Id,
}

impl Progress {
    /// What is to be known of a stream.
    pub(super) fn of(turn: &Turn<'_>, stream: &Stream) -> Step<Progress> {
        Ok(Progress {
            added: stream.added(),
            count: stream.header.count,
            first: stream.first(turn)?,
            last: stream.last(),
            max_removed: stream.state.max_removed,
        })
    }

    /// What a group must know of a stream from which it reads on: where none was removed singly, it counts on without a look at the
    /// first entry.
    pub(super) fn for_reader(turn: &Turn<'_>, stream: &Stream, group: &Group) -> Step<Progress> {
        if group.read.is_none() || stream.state.max_removed != Id::MIN {
            return Progress::of(turn, stream);
        }
        Ok(Progress {
            added: stream.added(),
            count: stream.header.count,
            first: None,
            last: stream.last(),
            max_removed: Id::MIN,
        })
    }

    /// Whether an entry at or behind `from` was removed, as far as that matters.
    fn has_gap_behind(&self, from: Id) -> bool {
        let Some(first) = self.first else {
            return false;
        };
        self.max_removed != Id::MIN && first <= self.max_removed && from <= self.max_removed
    }

    /// How many entries were added up to `id`, if that can be told.
    pub(super) fn reads_at(&self, id: Id) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        let Some(first) = self.first else {
            return (id <= self.last).then_some(self.added);
        };
        if id >= self.last {
            return (id == self.last).then_some(self.added);
        }
        if self.max_removed == Id::MIN || self.max_removed < first {
            let before = self.added - self.count;
            return match id.cmp(&first) {
                std::cmp::Ordering::Less => Some(before),
                std::cmp::Ordering::Equal => Some(before + 1),
                std::cmp::Ordering::Greater => None,
            };
        }
        None
    }

    /// A group's `entries-read` once it was delivered `id`.
    pub(super) fn after(&self, read: Option<u64>, id: Id) -> Option<u64> {
        match read {
            Some(read) if !self.has_gap_behind(id) => Some(read + 1),
            _ if self.added > 0 => self.reads_at(id),
            unchanged => unchanged,
        }
    }

    /// How many entries a group has not yet been delivered, if that can be told.
    pub(super) fn lag(&self, group: &Group) -> Option<i64> {
        if self.added == 0 {
            return Some(0);
        }
        let read = match group.read {
            Some(read) if !self.has_gap_behind(group.last) => Some(read),
            _ => self.reads_at(group.last),
        };
        read.map(|read| self.added as i64 - read as i64)
    }
}
