//! Which form Redis would give a value: what OBJECT ENCODING tells, and from what sizes on.
//!
//! **Theory.** Nothing is stored differently for it, so a form is a fact about a value's history: a hash that was once large stays a
//! hash table though it has shrunk. Of hashes, sets and sorted sets the header's `head` keeps that, as it decides orders of
//! replies too. Of strings and lists only short ones can differ from what they look like; these are noted in memory, and the
//! notes are gone after a restart, when Redis makes all its forms anew as well.
//!
//! **Invariant.** Losing a note, or all, changes no reply but of OBJECT ENCODING and DEBUG OBJECT; notes are never more than [`MOST`].

use hyperdb_graph::{AppId, Header};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// Most notes of a sort; when there are as many, all are dropped.
const MOST: usize = 4096;

/// The sizes from which on Redis takes the larger form (`hash-max-listpack-entries` and its likes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fields of a packed hash.
    pub hash_entries: u64,
    /// Bytes of its longest field or value.
    pub hash_value: u64,
    /// Values of a list's node, or from -1 to -5 its size: 4 KiB to 64 KiB.
    pub list_size: i64,
    /// Nodes at each end of a list that Redis does not compress.
    pub list_depth: u64,
    /// From how many bytes on a list's value has a node of its own; 0: when it fits into no other.
    pub list_plain: u64,
    /// Members of a set of integers.
    pub set_integers: u64,
    /// Members of a packed set.
    pub set_entries: u64,
    /// Bytes of its longest member.
    pub set_value: u64,
    /// Members of a packed sorted set.
    pub sorted_entries: u64,
    /// Bytes of its longest member.
    pub sorted_value: u64,
    /// Entries of a stream's node; 0: any number.
    pub stream_entries: u64,
    /// Bytes of a stream's node.
    pub stream_bytes: u64,
    /// Bytes of a sparse HyperLogLog.
    pub sketch_bytes: u64,
}

impl Limits {
    /// Redis 7.2's.
    pub const DEFAULT: Limits = Limits {
        hash_entries: 512,
        hash_value: 64,
        list_size: -2,
        list_depth: 0,
        list_plain: 0,
        set_integers: 512,
        set_entries: 128,
        set_value: 64,
        sorted_entries: 128,
        sorted_value: 64,
        stream_entries: 100,
        stream_bytes: 4096,
        sketch_bytes: 3000,
    };

    /// Whether so many values with so many bytes are too much for one node of a list.
    fn exceed_a_node(&self, count: u64, bytes: u64, part: u64) -> bool {
        match self.list_size {
            0.. => bytes > SAFE_NODE || count > (self.list_size as u64).max(1) / part,
            size => bytes > (2048 << size.unsigned_abs().min(5)) / part,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Bytes of a node whose size is told by the number of its values.
const SAFE_NODE: u64 = 8192;
/// Bytes of a packed list that are no value's.
const PACKED_AROUND: u64 = 7;
/// What a value takes in a packed list beside itself: its length before it and behind it.
const PACKED_ENTRY: u64 = 2;
/// What a list's header counts for the place of each value.
const POSITION: u64 = 8;
/// Longest string that Redis stores beside its header.
const EMBEDDED: usize = 44;

/// The form of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Bytes beside its header, though they may be digits.
    Embedded,
    /// Bytes of their own.
    Raw,
}

/// A string's form, and its bytes when it had it.
type NotedText = (Text, Box<[u8]>);

/// Forms that values do not show.
#[derive(Debug, Default)]
pub struct Notes {
    /// Collection numbers of lists that were larger than a node.
    lists: HashSet<u64>,
    /// Short strings whose form is not that of a new one, with what they were then.
    texts: HashMap<(AppId, Box<[u8]>), NotedText>,
}

impl Notes {
    /// All values have the form that they would have if they were made anew.
    pub fn clear(&mut self) {
        self.lists.clear();
        self.texts.clear();
    }
}

/// What a command knows of forms.
#[derive(Clone, Copy)]
pub struct Forms<'f> {
    /// The sizes in force.
    pub limits: &'f Limits,
    notes: &'f RefCell<Notes>,
}

impl<'f> Forms<'f> {
    /// Forms by these limits and notes.
    pub fn new(limits: &'f Limits, notes: &'f RefCell<Notes>) -> Forms<'f> {
        Forms { limits, notes }
    }

    /// A string was made that has another form than a new one of its bytes.
    pub fn note_text(&self, app: AppId, key: &[u8], form: Text, value: &[u8]) {
        if value.len() > EMBEDDED {
            return;
        }
        let texts = &mut self.notes.borrow_mut().texts;
        if texts.len() >= MOST {
            texts.clear();
        }
        texts.insert((app, key.into()), (form, value.into()));
    }

    /// The form of a string, if it is not that of a new one.
    pub fn text(&self, app: AppId, key: &[u8], value: &[u8]) -> Option<Text> {
        let notes = self.notes.borrow();
        let noted = notes.texts.get(&(app, Box::from(key)));
        let (form, noted) = noted?;
        (**noted == *value).then_some(*form)
    }

    /// A list has become another: one that was larger than a node stays so until it is half of one.
    pub fn note_list(&self, before: &Header, after: &Header) {
        let was_noted = {
            let notes = self.notes.borrow();
            !notes.lists.is_empty() && notes.lists.contains(&before.cid)
        };
        let was_large = was_noted || self.exceeds(before, 1);
        let is_between = self.exceeds(after, 2) || self.is_plain(after);
        let stays = was_large && !self.exceeds(after, 1) && is_between;
        if was_noted && !(stays && before.cid == after.cid) {
            self.notes.borrow_mut().lists.remove(&before.cid);
        }
        if stays {
            let lists = &mut self.notes.borrow_mut().lists;
            if lists.len() >= MOST {
                lists.clear();
            }
            lists.insert(after.cid);
        }
    }

    /// Whether a list is larger than a node, or was and is not yet half of one.
    pub fn is_large_list(&self, list: &Header) -> bool {
        self.exceeds(list, 1) || self.notes.borrow().lists.contains(&list.cid)
    }

    /// Whether a list's only value has a node of its own.
    fn is_plain(&self, list: &Header) -> bool {
        let plain = self.limits.list_plain;
        plain > 0 && list.count == 1 && list.bytes.saturating_sub(POSITION) >= plain
    }

    /// Whether a list is larger than a node's `part`th part; about, since what Redis adds to a value depends on that.
    fn exceeds(&self, list: &Header, part: u64) -> bool {
        let values = list.bytes.saturating_sub(list.count * POSITION);
        let bytes = PACKED_AROUND + values + list.count * PACKED_ENTRY;
        self.limits.exceed_a_node(list.count, bytes, part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperdb_graph::Kind;

    fn list(cid: u64, count: u64) -> Header {
        Header {
            count,
            bytes: count * (POSITION + 1),
            ..Header::new(Kind::List, cid)
        }
    }

    #[test]
    fn a_list_is_packed_again_at_half_a_node() {
        let limits = Limits {
            list_size: 4,
            ..Limits::DEFAULT
        };
        let notes = RefCell::default();
        let forms = Forms::new(&limits, &notes);
        let large = |count| forms.is_large_list(&list(7, count));
        assert!(large(5) && !large(4));
        forms.note_list(&list(7, 5), &list(7, 4));
        assert!(large(4));
        forms.note_list(&list(7, 4), &list(7, 3));
        assert!(large(3));
        forms.note_list(&list(7, 3), &list(8, 3));
        assert!(!large(3) && forms.is_large_list(&list(8, 3)));
        forms.note_list(&list(8, 3), &list(8, 2));
        assert!(!forms.is_large_list(&list(8, 4)));
    }

    #[test]
    fn a_list_of_bytes_is_measured_by_bytes() {
        let notes = RefCell::default();
        let forms = Forms::new(&Limits::DEFAULT, &notes);
        let long = |bytes| Header {
            count: 1,
            bytes: POSITION + bytes,
            ..Header::new(Kind::List, 1)
        };
        assert!(!forms.is_large_list(&long(8183)) && forms.is_large_list(&long(8184)));
    }

    #[test]
    fn a_note_of_a_string_is_of_its_value_alone() {
        let notes = RefCell::default();
        let forms = Forms::new(&Limits::DEFAULT, &notes);
        forms.note_text(AppId(1), b"k", Text::Raw, b"12");
        assert_eq!(forms.text(AppId(1), b"k", b"12"), Some(Text::Raw));
        assert_eq!(forms.text(AppId(1), b"k", b"13"), None);
        assert_eq!(forms.text(AppId(2), b"k", b"12"), None);
        for i in 0..=MOST {
            forms.note_text(AppId(1), &i.to_be_bytes(), Text::Raw, b"1");
        }
        assert!(notes.borrow().texts.len() <= MOST);
        notes.borrow_mut().clear();
        assert_eq!(forms.text(AppId(1), &MOST.to_be_bytes(), b"1"), None);
    }
}
