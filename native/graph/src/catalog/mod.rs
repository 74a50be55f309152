//! The catalog: what there is, one record an object, written in transactions like any other row.
//!
//! ```text
//! DATA  app 0, element 0x03 number u64 BE                ->  vertex: kind u8 | record
//!       app 0, element 0x04 space u8, app u32 BE, name   ->  vertex: object number u64 LE
//!       app 0, element 0x05 number u64 BE                ->  vertex: value of a sequence
//!       app N, element 0x00 number u64 BE                ->  the rows of table, the entries of index `number`
//! META  0x03 0x03                                        ->  u64 LE: the next object number
//!       0x03 0x04                                        ->  i64 LE: catalog version, the number of changes so far
//! ```
//! **Theory.** Columns and constraints live and change with their table, so they are part of its record; what has a name
//! of its own beside tables is an object. A change raises the version by a commutative delta, so two DDL statements on
//! different tables do not meet; caches are by version. A plan that is used at commit pins the records of the objects
//! that it was made from ([`pin`]), so a commit with a stale plan fails instead of writing by old rules, and DDL
//! elsewhere does not disturb it. DDL locks what it changes as a table until commit, and the record of whatever it
//! refers to as a foreign key locks its parent ([`change`]): no reference is left behind.
//!
//! **Numbers** are multiples of 4 from 16384, so that an object is its own oid for PostgreSQL's clients, below which
//! lie the built-in ones, and has three more for what goes with it there: `number + 1` is the row type of a
//! relation, `number + 2` the array over it or over a user type.
//!
//! **Invariant.** Object numbers and column ids are given out once. Kinds that this build does not know are refused.
//! Functions, triggers and policies are not among the kinds: making one is refused.

pub mod change;
mod check;
mod depend;
mod image;
pub mod objects;
pub mod record;
mod refusal;
pub mod sequence;
#[cfg(test)]
mod tests;
pub mod words;

pub use change::Catalog;
pub use depend::{Dependent, Why};
pub(crate) use image::Newest;
pub use image::{peek_version, pin, version, Image};
pub use refusal::{Act, Halt, Refusal};

use crate::codec::{Builder, Reader};
use crate::keys::{system, AppId};
use objects::{App, Index, Sequence, Table, UserType, View};
use record::Field;

/// The first object number; what is below is built in.
pub const FIRST: u64 = 16_384;
/// From one object number to the next.
pub const STEP: u64 = 4;

/// Where names do not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum NameSpace {
    /// Tables, indexes, views, materialized views, sequences.
    Relation = 1,
    /// User types.
    Type = 2,
    /// Apps.
    App = 3,
}

/// Id of object `number` in the system's app.
pub fn object_id(number: u64) -> [u8; 9] {
    numbered(system::OBJECT, number)
}

/// Id of the value of sequence `number` in the system's app.
pub fn sequence_id(number: u64) -> [u8; 9] {
    numbered(system::SEQUENCE, number)
}

/// Id of the rows of table, or the entries of index, `number` in its app. Ids that begin so are the catalog's.
pub fn rows_id(number: u64) -> [u8; 9] {
    numbered(0, number)
}

fn numbered(tag: u8, number: u64) -> [u8; 9] {
    let mut id = [tag; 9];
    id[1..].copy_from_slice(&number.to_be_bytes());
    id
}

/// The number in an object's id; `None` if it is none.
fn parse_object_id(id: &[u8]) -> Option<u64> {
    let number = id.strip_prefix(&[system::OBJECT])?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

/// Id of a name in an app, in the system's app.
pub fn name_id(space: NameSpace, app: AppId, name: &str) -> Vec<u8> {
    let mut id = Builder(vec![system::NAME, space as u8]);
    id.bytes(&app.0.to_be_bytes()).bytes(name.as_bytes());
    id.0
}

/// A name's id taken apart: space, app, name; `None` if malformed.
pub fn parse_name_id(id: &[u8]) -> Option<(NameSpace, AppId, &str)> {
    let mut reader = Reader(id);
    if reader.byte()? != system::NAME {
        return None;
    }
    let space = match reader.byte()? {
        1 => NameSpace::Relation,
        2 => NameSpace::Type,
        3 => NameSpace::App,
        _ => return None,
    };
    let app = AppId(u32::from_be_bytes(reader.array()?));
    Some((space, app, std::str::from_utf8(reader.0).ok()?))
}

macro_rules! objects {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $space:ident, $app:expr, $word:literal;)*) => {
        /// An object of the catalog.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Object { $($(#[$doc])* $kind($kind),)* }

        impl Object {
            fn bytes(&self) -> Vec<u8> {
                match self {
                    $(Object::$kind(object) => [&[$code], &object.encode()[..]].concat(),)*
                }
            }

            /// Back from [`Object::encode`]; `None` if malformed, or of a later version that must be known.
            pub fn decode(bytes: &[u8]) -> Option<Object> {
                let (code, record) = bytes.split_first()?;
                match code {
                    $($code => $kind::decode(record).map(Object::$kind),)*
                    _ => None,
                }
            }

            /// Its name, and where that must be unique.
            pub fn name(&self) -> (NameSpace, AppId, &str) {
                match self {
                    $(Object::$kind(object) => {
                        let app: fn(&$kind) -> u32 = $app;
                        (NameSpace::$space, AppId(app(object)), &object.name)
                    })*
                }
            }

            /// What people call its kind.
            pub fn kind(&self) -> &'static str {
                match self { $(Object::$kind(_) => $word,)* }
            }
        }

        $(impl From<$kind> for Object {
            fn from(object: $kind) -> Object {
                Object::$kind(object)
            }
        })*

        #[cfg(test)]
        impl tests::Sample for Object {
            fn sample() -> proptest::strategy::BoxedStrategy<Self> {
                use proptest::strategy::Strategy;
                proptest::strategy::Union::new([
                    $($kind::sample().prop_map(Object::$kind).boxed(),)*
                ]).boxed()
            }
        }
    };
}

objects! {
    /// A namespace.
    App = 1, App, |_| 0, "schema";
    /// A table or materialized view.
    Table = 2, Relation, |table| table.app, "table";
    /// An index.
    Index = 3, Relation, |index| index.app, "index";
    /// A view.
    View = 4, Relation, |view| view.app, "view";
    /// A sequence.
    Sequence = 5, Relation, |sequence| sequence.app, "sequence";
    /// A user type.
    UserType = 6, Type, |kind| kind.app, "type";
}

impl Object {
    /// The record's bytes; `None` if it would not come back from them: a type that nests too deep.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let bytes = self.bytes();
        (Object::decode(&bytes).as_ref() == Some(self)).then_some(bytes)
    }

    /// The app that it lies in: its own, for an app.
    pub fn app(&self) -> AppId {
        match self {
            Object::App(app) => AppId(app.number),
            other => other.name().1,
        }
    }
}
