//! Where the keys of a command are among its arguments.
//!
//! **Theory.** The command table has for each command where its keys begin and how they go on, as COMMAND shows it: a range of
//! arguments, or a number of keys and then these; they begin at an argument or behind a word (STREAMS of XREAD). What it cannot say
//! (STORE of SORT) is an exception here.

use crate::args::Args;

/// What a command does with a key's value: nothing (it looks whether the key is there), reads it, changes it, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// Neither.
    pub const NONE: Access = Access(0);
    /// The value, or part of it, is in the reply or goes elsewhere.
    pub const READ: Access = Access(1);
    /// It is changed, or removed.
    pub const WRITE: Access = Access(2);
    /// Both.
    pub const BOTH: Access = Access(3);

    /// Whether all of `other` is in it.
    pub fn has(self, other: Access) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    pub fn with(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }

    /// From the table's words.
    fn parse(flags: &str) -> Access {
        flags.split('+').fold(Access::NONE, |all, flag| {
            all.with(match flag {
                "access" => Access::READ,
                "insert" | "delete" | "update" => Access::WRITE,
                _ => Access::NONE,
            })
        })
    }
}

/// How the keys go on from the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Find {
    /// Up to an argument (negative: from the last, -1; relative to the first key if not negative), every `step`th; of what is left
    /// only one part in `parts`.
    Range {
        last: i64,
        step: usize,
        parts: usize,
    },
    /// An argument says how many there are; they begin at another one.
    Number { count: usize, first: usize },
}

/// Where the first key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    At(usize),
    /// Behind the first such word from this argument on.
    Behind(&'static str, usize),
}

/// One group of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPlaces {
    access: Access,
    begin: Begin,
    find: Find,
}

impl KeyPlaces {
    /// The groups of a command, from the table's cell; those that it cannot name are left out.
    pub(crate) fn parse(cell: &'static str) -> Vec<KeyPlaces> {
        cell.split(';').filter_map(Self::group).collect()
    }

    /// Whether the first argument is a key of this group.
    pub(crate) fn begins_at_first(&self) -> bool {
        self.begin == Begin::At(1) && matches!(self.find, Find::Range { .. })
    }

    fn group(text: &'static str) -> Option<KeyPlaces> {
        let mut parts = text.split(':');
        let flags = parts.next()?;
        if flags.starts_with("not_key") {
            return None;
        }
        let place = parts.next()?;
        let begin = match place.split_once('@') {
            None => Begin::At(place.parse().ok()?),
            Some((word, from)) => Begin::Behind(word, from.parse().ok()?),
        };
        let (how, numbers) = parts.next()?.strip_suffix(')')?.split_once('(')?;
        let mut numbers = numbers.split(',');
        let (first, second, third) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let find = match how {
            "range" => Find::Range {
                last: first.parse().ok()?,
                step: second.parse().ok()?,
                parts: third.parse::<usize>().ok()?.max(1),
            },
            "keynum" => Find::Number {
                count: first.parse().ok()?,
                first: second.parse().ok()?,
            },
            _ => return None,
        };
        Some(KeyPlaces {
            access: Access::parse(flags),
            begin,
            find,
        })
    }

    /// Whether it is the first argument and nothing else.
    pub(crate) fn is_first_argument(self) -> bool {
        let alone = Find::Range {
            last: 0,
            step: 1,
            parts: 1,
        };
        self.begin == Begin::At(1) && self.find == alone
    }

    /// Whether the command reads these keys and does nothing else with them.
    pub(crate) fn only_reads(self) -> bool {
        self.access == Access::READ
    }

    /// The arguments that are keys.
    fn of(self, args: Args<'_>) -> impl Iterator<Item = usize> {
        let len = args.len();
        let begin = match self.begin {
            Begin::At(at) => at,
            Begin::Behind(word, from) => (from..len)
                .find(|at| args.is(*at, word))
                .map_or(len, |at| at + 1),
        };
        let (from, end, step) = match self.find {
            Find::Range { last, step, parts } => {
                let end = match usize::try_from(last) {
                    Ok(last) => begin + last + 1,
                    Err(_) => {
                        let end = len.saturating_add_signed(isize::try_from(last + 1).unwrap_or(0));
                        begin + end.saturating_sub(begin) / parts
                    }
                };
                (begin, end, step)
            }
            Find::Number { count, first } => {
                let said = args.get(begin + count).and_then(|raw| {
                    let text = std::str::from_utf8(raw).ok()?;
                    text.parse::<usize>().ok()
                });
                let from = begin + first;
                (from, from.saturating_add(said.unwrap_or(0)), 1)
            }
        };
        (from..end.min(len)).step_by(step.max(1))
    }
}

/// Which arguments of a command are keys, by its groups, and what it does with each.
pub fn places(groups: &[KeyPlaces], name: &str, args: Args<'_>) -> Vec<(usize, Access)> {
    let found = groups
        .iter()
        .flat_map(|group| group.of(args).map(|at| (at, group.access)));
    let mut found: Vec<(usize, Access)> = found.collect();
    match name {
        "sort" => {
            let behind = (2..args.len()).filter(|at| args.is(at - 1, "STORE"));
            found.extend(behind.map(|at| (at, Access::WRITE)));
        }
        // An empty key stands for those behind KEYS.
        "migrate" => {
            found.retain(|(at, _)| args.get(*at).is_some_and(|key| !key.is_empty()));
            let first = behind_migrate_options(args);
            found.extend((first..args.len()).map(|at| (at, Access::BOTH)));
        }
        // What these do with their key depends on their options.
        "set" if !(3..args.len()).any(|at| args.is(at, "GET")) => {
            found
                .iter_mut()
                .for_each(|(_, access)| *access = Access::WRITE);
        }
        "bitfield" if only_gets(args) => {
            found
                .iter_mut()
                .for_each(|(_, access)| *access = Access::READ);
        }
        _ => {}
    }
    found
}

/// Where the keys behind KEYS of MIGRATE begin; a password may be that word too.
fn behind_migrate_options(args: Args<'_>) -> usize {
    let mut at = 6;
    while at < args.len() {
        if args.is(at, "KEYS") {
            return at + 1;
        }
        at += if args.is(at, "AUTH") {
            2
        } else if args.is(at, "AUTH2") {
            3
        } else {
            1
        };
    }
    args.len()
}

/// Whether BITFIELD only reads.
pub(crate) fn only_gets(args: Args<'_>) -> bool {
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "GET") {
            at += 3;
        } else if args.is(at, "OVERFLOW") {
            at += 2;
        } else {
            return false;
        }
    }
    true
}

/// The keys of a command by its groups; of SORT the one behind STORE too.
pub fn keys<'a>(groups: &[KeyPlaces], name: &str, args: Args<'a>) -> Vec<&'a [u8]> {
    let found = places(groups, name, args);
    found.iter().filter_map(|(at, _)| args.get(*at)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::args::Span;
    use crate::table::Table;

    fn keys_of(line: &str) -> Vec<String> {
        let (mut buffer, mut spans) = (Vec::new(), Vec::<Span>::new());
        for word in line.split(' ') {
            spans.push((buffer.len(), buffer.len() + word.len()));
            buffer.extend_from_slice(word.as_bytes());
        }
        let args = Args::new(&buffer, &spans);
        let table = Table::new();
        let id = table.find(args.get(0).unwrap()).unwrap();
        let found = keys(table.keys(id), table.row(id).name, args);
        let text = |key: &&[u8]| String::from_utf8(key.to_vec()).unwrap();
        found.iter().map(text).collect()
    }

    #[test]
    fn keys_are_found_as_the_table_says() {
        for (line, keys) in [
            ("get a", "a"),
            ("hset a b c d e", "a"),
            ("mget a b c", "a b c"),
            ("mset a 1 b 2", "a b"),
            ("rename a b", "a b"),
            ("blpop a b 0", "a b"),
            ("lmpop 2 a b left", "a b"),
            ("zunionstore d 2 a b", "d a b"),
            ("zunionstore d 9 a b", "d a b"),
            ("lmpop x a b left", ""),
            ("sort a by b store c", "a c"),
            ("sort a get store", "a"),
            ("migrate host 1 a 0 9 copy", "a"),
            ("migrate host 1  0 9 replace auth pw keys a b", "a b"),
            ("migrate host 1  0 9 keys", ""),
            ("migrate host 1  0 9 auth keys keys a", "a"),
            ("migrate host 1  0 9 auth2 keys keys keys a", "a"),
            ("ping", ""),
            ("bitop and d a b", "d a b"),
            ("xread count 2 streams a b 0 0", "a b"),
            ("xreadgroup group g streams count 1 streams a >", "a"),
            ("xread streams", ""),
            ("georadius a 0 0 1 m count 1 store b", "a b"),
            ("object encoding a", ""),
        ] {
            assert_eq!(keys_of(line).join(" "), keys, "{line}");
        }
    }
}
