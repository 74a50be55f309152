//! Streams in RDB's form: nodes of entries as listpacks, then what the groups know.
//!
//! ```text
//! node     first id, listpack: entries, removed ones, fields of the first, 0,
//!          then each entry: flags (1 removed, 2 fields of the first), ms and sequence behind the first id, unless flag 2 how many
//!          fields and each with its value, else the values; how many elements the entry has
//! stream   nodes, entries, last id; since version 2 first id, greatest removed id, entries ever added
//! group    name, last id, since version 2 entries read; pending entries: id, delivered ms, deliveries;
//!          consumers: name, seen ms, since version 3 active ms, ids that it holds
//! ```

use super::listpack::{elements, Builder, Element};
use super::read::Input;
use super::write::Output;
use super::Text;
use hashbrown::{HashMap, HashSet};
use hyperdb_graph::stream::Id;

/// Entries of a node at most, and bytes after which it is full: what Redis takes unless told otherwise.
const NODE_ENTRIES: usize = 100;
const NODE_BYTES: usize = 4096;
const REMOVED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// What has been added to the form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    One,
    Two,
    Three,
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamValue {
    /// Ids, ascending, each with its fields and values in turn.
    pub entries: Vec<(Id, Vec<Text>)>,
    /// The last id that was given out.
    pub last: Id,
    /// The greatest id that was removed.
    pub max_removed: Id,
    /// Entries ever added.
    pub added: u64,
    /// Consumer groups.
    pub groups: Vec<StreamGroup>,
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamGroup {
    /// Its name.
    pub name: Text,
    /// The last id that was delivered.
    pub last: Id,
    /// Entries that it has read, if that is known.
    pub read: Option<u64>,
    /// Its consumers.
    pub consumers: Vec<StreamReader>,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamReader {
    /// Its name.
    pub name: Text,
    /// When it was last heard of, Unix milliseconds.
    pub seen: i64,
    /// When it last got an entry; -1: never.
    pub active: i64,
    /// What it has pending: id, delivered at (Unix milliseconds), deliveries.
    pub pending: Vec<(Id, i64, u64)>,
}

fn id(input: &mut Input<'_>) -> Option<Id> {
    Some(Id {
        ms: input.number()?,
        seq: input.number()?,
    })
}

fn raw_id(input: &mut Input<'_>) -> Option<Id> {
    Id::from_bytes(input.take(16)?)
}

/// Reads a stream.
pub(super) fn read(input: &mut Input<'_>, version: Version) -> Option<StreamValue> {
    let mut value = StreamValue::default();
    for _ in 0..input.count()? {
        let first = Id::from_bytes(&input.text()?)?;
        let pack = input.pack()?;
        read_node(input, first, &pack, &mut value.entries)?;
    }
    let count = input.number()?;
    value.last = id(input)?;
    value.added = count;
    if version >= Version::Two {
        let _first = id(input)?;
        value.max_removed = id(input)?;
        value.added = input.number()?;
    }
    let are_ascending = value.entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let is_below = value.entries.last().is_none_or(|(id, _)| *id <= value.last);
    let is_counted = value.entries.len() as u64 == count && value.added >= count;
    let is_above_zero = value.entries.first().is_none_or(|(id, _)| *id > Id::MIN);
    if !(are_ascending
        && is_below
        && is_counted
        && is_above_zero
        && value.max_removed <= value.last)
    {
        return None;
    }
    // A payload may name very many: looking through all of them for each would take hours.
    let mut names = HashSet::new();
    for _ in 0..input.count()? {
        let group = read_group(input, version)?;
        if !names.insert(group.name.clone()) {
            return None;
        }
        value.groups.push(group);
    }
    Some(value)
}

fn read_node(
    input: &mut Input<'_>,
    first: Id,
    pack: &[u8],
    entries: &mut Vec<(Id, Vec<Text>)>,
) -> Option<()> {
    let elements = elements(pack)?;
    let mut at = elements.iter().copied();
    let mut next = || at.next();
    let natural = |element: Element<'_>| usize::try_from(element.integer()?).ok();
    let (live, removed, fields) = (natural(next()?)?, natural(next()?)?, natural(next()?)?);
    if live.checked_add(removed)? > elements.len() || fields > elements.len() {
        return None;
    }
    let names: Vec<Text> = (0..fields)
        .map(|_| next().map(Element::text))
        .collect::<Option<_>>()?;
    if next()?.integer()? != 0 {
        return None;
    }
    let mut found = 0;
    for _ in 0..live + removed {
        let flags = next()?.integer()?;
        let (ms, seq) = (next()?.integer()?, next()?.integer()?);
        let id = Id {
            ms: first.ms.wrapping_add(ms as u64),
            seq: first.seq.wrapping_add(seq as u64),
        };
        let mut words = Vec::new();
        let mut used = 3;
        if flags & SAME_FIELDS != 0 {
            for name in &names {
                input.expand(name.len())?;
                words.extend([name.clone(), next()?.text()]);
            }
            used += names.len();
        } else {
            let count = natural(next()?)?;
            if count > elements.len() {
                return None;
            }
            for _ in 0..2 * count {
                words.push(next()?.text());
            }
            used += 1 + 2 * count;
        }
        if natural(next()?)? != used || flags & !(REMOVED | SAME_FIELDS) != 0 {
            return None;
        }
        if flags & REMOVED == 0 {
            if words.is_empty() {
                return None;
            }
            entries.push((id, words));
            found += 1;
        }
    }
    (found == live && at.next().is_none()).then_some(())
}

fn read_group(input: &mut Input<'_>, version: Version) -> Option<StreamGroup> {
    let name = input.text()?;
    let last = id(input)?;
    let read = match version {
        Version::One => None,
        _ => u64::try_from(input.number()? as i64).ok(),
    };
    let mut pending = HashMap::new();
    for _ in 0..input.count()? {
        let id = raw_id(input)?;
        let delivered = i64::from_le_bytes(input.array()?);
        if pending.insert(id, (delivered, input.number()?)).is_some() {
            return None;
        }
    }
    let mut consumers: Vec<StreamReader> = Vec::new();
    let mut names = HashSet::new();
    for _ in 0..input.count()? {
        let name = input.text()?;
        let seen = i64::from_le_bytes(input.array()?);
        let active = match version {
            Version::Three => i64::from_le_bytes(input.array()?),
            _ => seen,
        };
        let mut held = Vec::new();
        for _ in 0..input.count()? {
            let id = raw_id(input)?;
            // Each is one consumer's, and among those of the group.
            let (delivered, deliveries) = pending.remove(&id)?;
            held.push((id, delivered, deliveries));
        }
        if !names.insert(name.clone()) {
            return None;
        }
        consumers.push(StreamReader {
            name,
            seen,
            active,
            pending: held,
        });
    }
    pending.is_empty().then_some(StreamGroup {
        name,
        last,
        read,
        consumers,
    })
}

fn write_id(out: &mut Output, id: Id) {
    out.number(id.ms);
    out.number(id.seq);
}

/// Writes a stream.
pub(super) fn write(out: &mut Output, value: &StreamValue, version: Version) {
    let nodes = nodes(&value.entries);
    out.number(nodes.len() as u64);
    for (first, pack) in nodes {
        out.text(&first.to_bytes());
        out.text(&pack);
    }
    out.number(value.entries.len() as u64);
    write_id(out, value.last);
    write_id(out, value.entries.first().map_or(Id::MIN, |(id, _)| *id));
    write_id(out, value.max_removed);
    out.number(value.added);
    let mut groups: Vec<&StreamGroup> = value.groups.iter().collect();
    groups.sort_by_key(|group| &group.name);
    out.number(groups.len() as u64);
    for group in groups {
        out.text(&group.name);
        write_id(out, group.last);
        out.number(group.read.unwrap_or(u64::MAX));
        let mut pending: Vec<&(Id, i64, u64)> = group
            .consumers
            .iter()
            .flat_map(|consumer| &consumer.pending)
            .collect();
        pending.sort_by_key(|(id, ..)| *id);
        out.number(pending.len() as u64);
        for (id, delivered, deliveries) in pending {
            out.raw(&id.to_bytes());
            out.raw(&delivered.to_le_bytes());
            out.number(*deliveries);
        }
        out.number(group.consumers.len() as u64);
        for consumer in &group.consumers {
            out.text(&consumer.name);
            out.raw(&consumer.seen.to_le_bytes());
            if version >= Version::Three {
                out.raw(&consumer.active.to_le_bytes());
            }
            out.number(consumer.pending.len() as u64);
            for (id, ..) in &consumer.pending {
                out.raw(&id.to_bytes());
            }
        }
    }
}

/// A node under construction.
struct Node<'e> {
    first: Id,
    /// Fields of its first entry.
    names: Vec<&'e Text>,
    entries: usize,
    pack: Builder,
}

impl<'e> Node<'e> {
    fn new(first: Id, words: &'e [Text]) -> Node<'e> {
        let names: Vec<&Text> = words.iter().step_by(2).collect();
        let mut pack = Builder::new();
        // How many entries there are is known at the end.
        [0, 0, names.len() as i64]
            .into_iter()
            .for_each(|number| pack.push_integer(number));
        names.iter().for_each(|name| pack.push_word(name));
        pack.push_integer(0);
        Node {
            first,
            names,
            entries: 0,
            pack,
        }
    }

    fn push(&mut self, id: Id, words: &[Text]) {
        let is_same = words.iter().step_by(2).eq(self.names.iter().copied());
        let pack = &mut self.pack;
        pack.push_integer(if is_same { SAME_FIELDS } else { 0 });
        pack.push_integer(id.ms.wrapping_sub(self.first.ms) as i64);
        pack.push_integer(id.seq.wrapping_sub(self.first.seq) as i64);
        if is_same {
            let values = words.iter().skip(1).step_by(2);
            values.for_each(|value| pack.push_word(value));
            pack.push_integer(3 + self.names.len() as i64);
        } else {
            pack.push_integer(words.len() as i64 / 2);
            words.iter().for_each(|word| pack.push_word(word));
            pack.push_integer(4 + words.len() as i64);
        }
        self.entries += 1;
    }

    fn finish(mut self) -> (Id, Vec<u8>) {
        // At most `NODE_ENTRIES`.
        self.pack.replace_first(self.entries as u8);
        (self.first, self.pack.finish())
    }
}

/// Entries packed into nodes as XADD fills them; each with its first id.
fn nodes(entries: &[(Id, Vec<Text>)]) -> Vec<(Id, Vec<u8>)> {
    let mut nodes = Vec::new();
    let mut open: Option<Node<'_>> = None;
    for (id, words) in entries {
        let size: usize = words.iter().map(Vec::len).sum();
        if let Some(full) = open
            .take_if(|node| node.pack.len() + size >= NODE_BYTES || node.entries >= NODE_ENTRIES)
        {
            nodes.push(full.finish());
        }
        open.get_or_insert_with(|| Node::new(*id, words))
            .push(*id, words);
    }
    nodes.extend(open.map(Node::finish));
    nodes
}
