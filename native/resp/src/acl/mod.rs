//! Access control: what a user may run, which keys and channels it may name.
//!
//! **Theory.** A user is a list of *selectors*, the first of which is its own; a command is allowed if one of them allows all of
//! it: the command, each key that it names, each channel. Users are the store's roles (`hyperdb_graph::roles`), one set for all
//! languages: `on` is the right to log in, `nopass` and the hashes of passwords are in the record, and the rest is its rules, kept
//! as text. A role that was never given a rule has what it is by nature: a superuser everything, any other the commands about its
//! own connection, and the rows of tables that were granted to it in SQL.
//!
//! **Invariant.** A command is refused before it looks at anything: what is refused takes no longer when the key is there.

pub(crate) mod categories;
pub(crate) mod check;
pub(crate) mod log;
mod reading;
mod rules;
mod selector;
mod user;

pub(crate) use categories::Categories;
pub use reading::Reading;
pub use rules::{change, Change, Password};
pub(crate) use selector::Selector;
pub(crate) use user::{hexadecimal, User};

/// The user that a connection is before it says otherwise.
pub const DEFAULT_USER: &str = "default";
