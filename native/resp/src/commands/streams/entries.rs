//! A stream's entries: opened with what is known of those that are gone, walked, added, removed.
//!
//! **Theory.** Removed entries leave marks in the store until compaction, and a queue is eaten from its head; so walks begin at the
//! state's floor, which every removal moves up to the first entry that is left. Each mark is passed over once.

use super::ids::reply_id;
use crate::command::{Abort, Context};
use crate::commands::edge;
use crate::reply::Reply;
use hyperdb_graph::stream::{last_id, Id, State, Words, STATE};
use hyperdb_graph::{AppId, Direction, Header, Kind, Step, Turn};
use std::ops::{Bound, ControlFlow};

/// Bytes that an id adds to an entry's record in the header's `bytes`.
pub(super) const ID: u64 = 16;

/// A stream as it was read.
pub(super) struct Stream {
    pub app: AppId,
    pub header: Header,
    pub state: State,
}

/// The stream at `key`, if there is one.
pub(super) fn open(cx: &Context<'_, '_>, key: &[u8]) -> Result<Option<Stream>, Abort> {
    match edge::open(cx, key, Kind::Stream)? {
        None => Ok(None),
        Some(header) => Ok(Some(Stream::load(cx.turn, cx.app, header)?)),
    }
}

impl Stream {
    /// A stream by its header.
    pub(super) fn load(turn: &Turn<'_>, app: AppId, header: Header) -> Step<Stream> {
        let state = match turn.member(app, header.cid + 1, &STATE)? {
            None => State::default(),
            Some(record) => {
                State::decode(&record).ok_or_else(|| edge::malformed("a stream's state"))?
            }
        };
        Ok(Stream { app, header, state })
    }

    /// Number of the collection of its groups.
    pub(super) fn companion(&self) -> u64 {
        self.header.cid + 1
    }

    pub(super) fn last(&self) -> Id {
        last_id(&self.header)
    }

    /// How many entries were ever added.
    pub(super) fn added(&self) -> u64 {
        self.header.count.saturating_add(self.state.removed)
    }

    /// The first entry's id.
    pub(super) fn first(&self, turn: &Turn<'_>) -> Step<Option<Id>> {
        self.edge(turn, Direction::Forward)
    }

    /// The id of the entry at an end.
    pub(super) fn edge(&self, turn: &Turn<'_>, direction: Direction) -> Step<Option<Id>> {
        let mut found = None;
        self.walk(turn, Id::MIN, Id::MAX, direction, |id, _| {
            found = Some(id);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Visits the entries of an interval, ends included, until told to stop.
    pub(super) fn walk(
        &self,
        turn: &Turn<'_>,
        start: Id,
        end: Id,
        direction: Direction,
        mut visit: impl FnMut(Id, &[u8]) -> ControlFlow<()>,
    ) -> Step<()> {
        let (start, end) = (start.max(self.state.floor), end.min(self.last()));
        if self.header.count == 0 || start > end {
            return Ok(());
        }
        let (start, end) = (start.to_bytes(), end.to_bytes());
        let mut walk = turn.members(
            self.app,
            self.header.cid,
            Bound::Included(&start),
            Bound::Included(&end),
            direction,
        );
        while let Some((key, value)) = walk.next()? {
            let id = Id::from_bytes(key).ok_or_else(|| edge::malformed("a stream's id"))?;
            if visit(id, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Writes the entries of an interval as an array, at most `limit` of them; their ids.
    pub(super) fn reply_range(
        &self,
        turn: &Turn<'_>,
        reply: &mut Reply,
        (start, end): (Id, Id),
        limit: Option<u64>,
        direction: Direction,
    ) -> Step<Vec<Id>> {
        let at = reply.buffer.len();
        let mut ids = Vec::new();
        let mut malformed = false;
        self.walk(turn, start, end, direction, |id, record| {
            malformed |= !reply_entry(reply, id, record);
            ids.push(id);
            if malformed || limit.is_some_and(|limit| ids.len() as u64 >= limit) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        if malformed {
            return Err(edge::malformed("a stream's entry"));
        }
        reply.insert_array(at, ids.len());
        Ok(ids)
    }

    /// Writes one entry; whether it is there.
    pub(super) fn reply_one(&self, turn: &Turn<'_>, reply: &mut Reply, id: Id) -> Step<bool> {
        match turn.member(self.app, self.header.cid, &id.to_bytes())? {
            None => Ok(false),
            Some(record) if reply_entry(reply, id, &record) => Ok(true),
            Some(_) => Err(edge::malformed("a stream's entry")),
        }
    }

    /// Whether an entry is there.
    pub(super) fn has(&self, turn: &Turn<'_>, id: Id) -> Step<bool> {
        let entry = turn.member(self.app, self.header.cid, &id.to_bytes())?;
        Ok(entry.is_some())
    }

    /// Removes an entry; whether it was there. The caller ends with [`Stream::removed`].
    pub(super) fn remove(&mut self, turn: &mut Turn<'_>, id: Id) -> Step<bool> {
        let key = id.to_bytes();
        let entry = turn.member(self.app, self.header.cid, &key)?;
        let Some(len) = entry.map(|record| record.len() as u64) else {
            return Ok(false);
        };
        self.drop_known(turn, id, len)?;
        Ok(true)
    }

    /// Removes an entry that is there, whose record has `len` bytes.
    pub(super) fn drop_known(&mut self, turn: &mut Turn<'_>, id: Id, len: u64) -> Step<()> {
        turn.remove_member(self.app, self.header.cid, &id.to_bytes())?;
        self.header.count = self.header.count.saturating_sub(1);
        self.header.bytes = self.header.bytes.saturating_sub(ID + len);
        self.state.removed += 1;
        Ok(())
    }

    /// Ends removals: moves the floor up and writes state and header.
    pub(super) fn removed(&mut self, turn: &mut Turn<'_>, key: &[u8]) -> Step<()> {
        self.state.floor = self.first(turn)?.unwrap_or(self.last());
        self.save(turn, key)
    }

    /// Writes state and header.
    pub(super) fn save(&self, turn: &mut Turn<'_>, key: &[u8]) -> Step<()> {
        turn.put_member(self.app, self.companion(), &STATE, &self.state.encode())?;
        turn.put_header(self.app, key, &self.header)
    }
}

/// Writes an entry: its id, then its fields and values; `false` if its record is malformed, and then what is written is no reply.
fn reply_entry(reply: &mut Reply, id: Id, record: &[u8]) -> bool {
    let Some(mut words) = Words::of(record) else {
        return false;
    };
    reply.array(2);
    reply_id(reply, id);
    reply.array(words.left());
    while words.left() > 0 {
        match words.next() {
            Some(word) => reply.bulk(word),
            None => return false,
        }
    }
    words.is_at_end()
}
