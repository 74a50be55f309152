//! LCS: the longest common subsequence of two strings.
//!
//! **Theory.** The classic table of prefix lengths, walked back from the corner. Where both ways are equally
//! long Redis steps in the second string, and it restarts a range where neighbours do not touch; the order
//! and extent of the ranges it replies follow from that walk.

use super::{copied, MAX_STRING};
use crate::args::Args;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::{integer, option_value};

/// The options of LCS.
#[derive(Default)]
struct Wanted {
    length: bool,
    ranges: bool,
    with_lengths: bool,
    shortest: i64,
}

/// A stretch of both strings that is the same: first and last positions.
struct Match {
    a: (usize, usize),
    b: (usize, usize),
}

/// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]
pub fn lcs(cx: &mut Context<'_, '_>) -> Outcome {
    let not_strings = |_| Abort::error("ERR The specified keys must contain string values");
    let fetch = |key: &[u8]| match copied(cx, key) {
        Err(error @ Abort::Error(_)) => Err(not_strings(error)),
        other => Ok(other?.unwrap_or_default().0),
    };
    let (a, b) = (fetch(cx.args.at(1))?, fetch(cx.args.at(2))?);
    let wanted = options(&cx.args)?;
    if wanted.length && wanted.ranges {
        return Err(Abort::error(
            "ERR If you want both the length and indexes, please just use IDX.",
        ));
    }
    let table = Table::new(&a, &b)?;
    if wanted.length {
        cx.reply.integer(i64::from(table.at(a.len(), b.len())));
        return Ok(());
    }
    let (common, matches) = table.walk(&a, &b);
    if !wanted.ranges {
        cx.reply.bulk(&common);
        return Ok(());
    }
    let length = |m: &Match| (m.a.1 - m.a.0 + 1) as i64;
    let shown: Vec<&Match> = matches
        .iter()
        .filter(|m| length(m) >= wanted.shortest)
        .collect();
    cx.reply.map(2);
    cx.reply.bulk(b"matches");
    cx.reply.array(shown.len());
    for found in shown {
        cx.reply.array(2 + usize::from(wanted.with_lengths));
        for (first, last) in [found.a, found.b] {
            cx.reply.array(2);
            cx.reply.integer(first as i64);
            cx.reply.integer(last as i64);
        }
        if wanted.with_lengths {
            cx.reply.integer(length(found));
        }
    }
    cx.reply.bulk(b"len");
    cx.reply.integer(i64::from(table.at(a.len(), b.len())));
    Ok(())
}

fn options(args: &Args<'_>) -> Result<Wanted, Abort> {
    let mut wanted = Wanted::default();
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "LEN") {
            wanted.length = true;
        } else if args.is(at, "IDX") {
            wanted.ranges = true;
        } else if args.is(at, "WITHMATCHLEN") {
            wanted.with_lengths = true;
        } else if args.is(at, "MINMATCHLEN") {
            wanted.shortest = integer(option_value(args, at)?)?;
            at += 1;
        } else {
            return Err(errors::syntax());
        }
        at += 1;
    }
    Ok(wanted)
}

/// Lengths of the longest common subsequence of every pair of prefixes.
struct Table {
    cells: Vec<u32>,
    width: usize,
}

impl Table {
    fn new(a: &[u8], b: &[u8]) -> Result<Table, Abort> {
        let width = b.len() + 1;
        let cells = (a.len() + 1)
            .checked_mul(width)
            .filter(|cells| *cells <= MAX_STRING / size_of::<u32>())
            .ok_or_else(|| {
                Abort::error(
                    "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
                )
            })?;
        let mut cells = vec![0u32; cells];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                let at = (i + 1) * width + j + 1;
                cells[at] = if x == y {
                    cells[at - width - 1] + 1
                } else {
                    cells[at - width].max(cells[at - 1])
                };
            }
        }
        Ok(Table { cells, width })
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.cells[i * self.width + j]
    }

    /// The subsequence, and its ranges from the last one to the first.
    fn walk(&self, a: &[u8], b: &[u8]) -> (Vec<u8>, Vec<Match>) {
        let (mut i, mut j) = (a.len(), b.len());
        let mut common = Vec::new();
        let mut matches = Vec::new();
        let mut open: Option<Match> = None;
        while i > 0 && j > 0 {
            let mut close = false;
            if a[i - 1] == b[j - 1] {
                common.push(a[i - 1]);
                let range = match open.take() {
                    None => Match {
                        a: (i - 1, i - 1),
                        b: (j - 1, j - 1),
                    },
                    Some(mut range) if range.a.0 == i && range.b.0 == j => {
                        range.a.0 -= 1;
                        range.b.0 -= 1;
                        range
                    }
                    Some(range) => {
                        close = true;
                        range
                    }
                };
                close |= range.a.0 == 0 || range.b.0 == 0;
                open = Some(range);
                i -= 1;
                j -= 1;
            } else {
                if self.at(i - 1, j) > self.at(i, j - 1) {
                    i -= 1;
                } else {
                    j -= 1;
                }
                close = true;
            }
            if close {
                matches.extend(open.take());
            }
        }
        common.reverse();
        (common, matches)
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn the_example_of_the_manual() {
        let mut client = Client::new();
        client.script(
            "mset a ohmytext b mynewtext => +OK
             lcs a b => $6 mytext
             lcs a b len => :6
             lcs a b idx => *4 $7 matches *2 *2 *2 :4 :7 *2 :5 :8 *2 *2 :2 :3 *2 :0 :1 $3 len :6
             lcs a b idx minmatchlen 4 withmatchlen => *4 $7 matches *1 *3 *2 :4 :7 *2 :5 :8 :4 $3 len :6
             lcs a no => $0
             lcs a b idx len => -ERR If you want both the length and indexes, please just use IDX.
             lcs a b minmatchlen => -ERR syntax error",
        );
        client.resp3 = true;
        client.script("lcs a no idx => %2 $7 matches *0 $3 len :0");
    }
}
