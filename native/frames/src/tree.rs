//! Which tree of its app an entry belongs to.
//!
//! **Theory.** A logical key is a DATA key without the app's number. Its space, for elements the kind, for members the
//! collection's number, decide the tree; nothing has to be looked up.

use hyperdb_graph::keys::{read_varint, space};
use hyperdb_graph::Kind;

/// The four trees of an app; the numbers are those on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tree {
    /// Vertices, standalone values and rows, that are there.
    VertexAdds = 0,
    /// Those that went.
    VertexRemoves = 1,
    /// Hyperedges, members, fields, index entries, incidence that are there.
    EdgeAdds = 2,
    /// Those that went.
    EdgeRemoves = 3,
}

impl Tree {
    /// All four, by number.
    pub const ALL: [Tree; 4] = [
        Tree::VertexAdds,
        Tree::VertexRemoves,
        Tree::EdgeAdds,
        Tree::EdgeRemoves,
    ];

    /// Whether it holds what is there, and not what went.
    pub fn is_adds(self) -> bool {
        matches!(self, Tree::VertexAdds | Tree::EdgeAdds)
    }

    /// From its number.
    pub fn from_number(number: u8) -> Option<Tree> {
        Tree::ALL.get(usize::from(number)).copied()
    }
}

/// Vertices or hyperedges: each has a tree of adds and one of removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Standalone values and rows.
    Vertex,
    /// Everything else.
    Edge,
}

impl Side {
    /// The tree of what is there.
    pub fn adds(self) -> Tree {
        match self {
            Side::Vertex => Tree::VertexAdds,
            Side::Edge => Tree::EdgeAdds,
        }
    }

    /// The tree of what went.
    pub fn removes(self) -> Tree {
        match self {
            Side::Vertex => Tree::VertexRemoves,
            Side::Edge => Tree::EdgeRemoves,
        }
    }

    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Vertex => Side::Edge,
            Side::Edge => Side::Vertex,
        }
    }

    /// Of a collection's members.
    pub fn of_collection(cid: u64) -> Side {
        if cid % 4 >= 2 {
            Side::Vertex
        } else {
            Side::Edge
        }
    }

    /// Of an element, by the first byte of its record or of its remove's note.
    pub fn of_element(record: &[u8]) -> Option<Side> {
        let kind = Kind::from_code(*record.first()?)?;
        Some(if kind == Kind::Vertex {
            Side::Vertex
        } else {
            Side::Edge
        })
    }
}

/// What a logical key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An element: its side is told by its record.
    Element,
    /// A member of this collection, companions under the collection's own number.
    Member(u64),
    /// An incidence record.
    Incidence,
    /// The app's header, which is not committed to.
    Uncommitted,
}

impl Place {
    /// Of a logical key; `None` if it is none.
    pub fn of(logical: &[u8]) -> Option<Place> {
        let (tag, rest) = logical.split_first()?;
        Some(match *tag {
            space::APP => Place::Uncommitted,
            space::ELEMENT => Place::Element,
            space::MEMBER => Place::Member(read_varint(rest)?.0 & !1),
            space::INCIDENCE => Place::Incidence,
            _ => return None,
        })
    }
}

/// The beginning of the logical keys of a collection's members.
pub fn member_prefix(cid: u64) -> Vec<u8> {
    let mut key = hyperdb_graph::keys::KeyBuf::new();
    key.push(&[space::MEMBER]).push_varint(cid);
    key.to_vec()
}
