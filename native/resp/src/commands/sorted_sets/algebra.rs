//! Union, intersection and difference of sorted sets and plain sets (whose members all score 1).
//!
//! Scores are combined from the smallest set to the largest, as Redis does: sums of doubles depend on it.

use super::hash_order::{member_key, Picks, Walk};
use super::{decode_score, range, reply_members, score};
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::{arguments, hash_order};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::{AppId, Header, Kind, Record, Step, Turn};

/// What to do with several sets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Union,
    Intersection,
    Difference,
}

#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// Two scores of a member into one; the sum of opposite infinities is 0.
    fn combine(self, a: f64, b: f64) -> f64 {
        match self {
            Aggregate::Sum => number_or_zero(a + b),
            Aggregate::Min if b < a => b,
            Aggregate::Max if b > a => b,
            Aggregate::Min | Aggregate::Max => a,
        }
    }
}

fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() {
        0.0
    } else {
        score
    }
}

/// One of the sets.
struct Source {
    header: Option<Header>,
    weight: f64,
}

impl Source {
    fn count(&self) -> u64 {
        self.header.map_or(0, |header| header.count)
    }

    /// The score of a member here, before weighting.
    fn score(
        &self,
        turn: &Turn<'_>,
        app: AppId,
        member: &[u8],
        place: &mut KeyBuf,
    ) -> Step<Option<f64>> {
        match &self.header {
            None => Ok(None),
            Some(set) if set.kind == Kind::Set => {
                member_key(turn, member, place);
                Ok(turn.member(app, set.cid, place)?.map(|_| 1.0))
            }
            Some(set) => score(turn, app, set, member, place),
        }
    }
}

/// `numkeys key [key ...]` and the options that follow.
struct Request {
    sources: Vec<Source>,
    aggregate: Aggregate,
    with_scores: bool,
    limit: u64,
}

/// Which options a command takes.
#[derive(Clone, Copy)]
struct Takes {
    weights: bool,
    with_scores: bool,
    limit: bool,
}

impl Request {
    fn parse(
        cx: &Context<'_, '_>,
        numkeys: usize,
        command: &str,
        takes: Takes,
    ) -> Result<Self, Abort> {
        let args = cx.args;
        let count = arguments::integer(args.at(numkeys))?;
        if count < 1 {
            return Err(Abort::error(format!(
                "ERR at least 1 input key is needed for '{command}' command"
            )));
        }
        let first = numkeys + 1;
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= args.len() - first)
            .ok_or_else(errors::syntax)?;
        let mut request = Self {
            sources: Vec::with_capacity(count),
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        for key in args.iter().skip(first).take(count) {
            request.sources.push(Source {
                header: open_either(cx, key)?,
                weight: 1.0,
            });
        }
        let mut i = first + count;
        while i < args.len() {
            if takes.weights && args.is(i, "WEIGHTS") && args.len() - i > count {
                for source in &mut request.sources {
                    i += 1;
                    source.weight = arguments::float(args.at(i))
                        .map_err(|_| Abort::error("ERR weight value is not a float"))?;
                }
            } else if takes.weights && args.is(i, "AGGREGATE") && i + 1 < args.len() {
                i += 1;
                request.aggregate = match arguments::option(&args, i, &["SUM", "MIN", "MAX"])? {
                    0 => Aggregate::Sum,
                    1 => Aggregate::Min,
                    _ => Aggregate::Max,
                };
            } else if takes.with_scores && args.is(i, "WITHSCORES") {
                request.with_scores = true;
            } else if takes.limit && args.is(i, "LIMIT") && i + 1 < args.len() {
                i += 1;
                request.limit =
                    arguments::within(args.at(i), 0..=i64::MAX, "ERR LIMIT can't be negative")?
                        as u64;
            } else {
                return Err(errors::syntax());
            }
            i += 1;
        }
        Ok(request)
    }

    fn evaluate(&mut self, turn: &Turn<'_>, app: AppId, operation: Operation) -> Step<Picks> {
        let mut found: Vec<(f64, Box<[u8]>)> = Vec::new();
        match operation {
            Operation::Difference => self.difference(turn, app, &mut found)?,
            Operation::Intersection => {
                self.sources.sort_by_key(Source::count);
                self.intersection(turn, app, |member, score| {
                    found.push((score, member.into()));
                    true
                })?;
            }
            Operation::Union => {
                self.sources.sort_by_key(Source::count);
                self.union(turn, app, &mut found)?;
            }
        }
        found.sort_by(|a, b| {
            // Equal by value, so that -0 and 0 tie; no score is NaN.
            let scores = a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal);
            scores.then_with(|| a.1.cmp(&b.1))
        });
        let mut picks = Picks::default();
        for (score, member) in &found {
            picks.push(member, &score.to_le_bytes());
        }
        Ok(picks)
    }

    /// Visits the members of all sets; the sources are sorted by size.
    fn intersection(
        &self,
        turn: &Turn<'_>,
        app: AppId,
        mut visit: impl FnMut(&[u8], f64) -> bool,
    ) -> Step<()> {
        let Some((smallest, others)) = self.sources.split_first() else {
            return Ok(());
        };
        let Some(header) = &smallest.header else {
            return Ok(());
        };
        let mut place = KeyBuf::new();
        let mut walk = Walk::new(turn, app, header.cid);
        'members: while let Some(member) = walk.next()? {
            let Some(first) = smallest.score(turn, app, member, &mut place)? else {
                continue;
            };
            let mut total = number_or_zero(first * smallest.weight);
            for other in others {
                match other.score(turn, app, member, &mut place)? {
                    None => continue 'members,
                    Some(score) => total = self.aggregate.combine(total, score * other.weight),
                }
            }
            if !visit(member, total) {
                break;
            }
        }
        Ok(())
    }

    /// Collects the members of any set; the sources are sorted by size.
    fn union(&self, turn: &Turn<'_>, app: AppId, found: &mut Vec<(f64, Box<[u8]>)>) -> Step<()> {
        let mut places: hashbrown::HashMap<Box<[u8]>, f64> = hashbrown::HashMap::new();
        for source in &self.sources {
            let Some(header) = &source.header else {
                continue;
            };
            hash_order::each(turn, app, header.cid, |member, value| {
                let plain = header.kind == Kind::Set;
                let score = if plain { 1.0 } else { decode_score(value) };
                let score = number_or_zero(score * source.weight);
                match places.get_mut(member) {
                    Some(total) => *total = self.aggregate.combine(*total, score),
                    None => {
                        places.insert(member.into(), score);
                    }
                }
            })?;
        }
        found.extend(places.into_iter().map(|(member, score)| (score, member)));
        Ok(())
    }

    /// Collects the members of the first set that are in no other.
    fn difference(
        &self,
        turn: &Turn<'_>,
        app: AppId,
        found: &mut Vec<(f64, Box<[u8]>)>,
    ) -> Step<()> {
        let Some((first, others)) = self.sources.split_first() else {
            return Ok(());
        };
        let Some(header) = &first.header else {
            return Ok(());
        };
        let mut place = KeyBuf::new();
        let mut walk = Walk::new(turn, app, header.cid);
        'members: while let Some(member) = walk.next()? {
            for other in others {
                if other.score(turn, app, member, &mut place)?.is_some() {
                    continue 'members;
                }
            }
            if let Some(score) = first.score(turn, app, member, &mut place)? {
                found.push((score, member.into()));
            }
        }
        Ok(())
    }
}

fn open_either(cx: &Context<'_, '_>, key: &[u8]) -> Result<Option<Header>, Abort> {
    let Some(element) = cx.turn.element(cx.app, key)? else {
        return Ok(None);
    };
    match element.record()? {
        Record::Edge(header) if matches!(header.kind, Kind::Set | Kind::SortedSet) => {
            Ok(Some(header))
        }
        _ => Err(errors::wrong_type()),
    }
}

/// ZUNION, ZINTER, ZDIFF numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]
pub(super) fn reply(cx: &mut Context<'_, '_>, operation: Operation) -> Outcome {
    let (command, _) = names(operation);
    let takes = Takes {
        weights: operation != Operation::Difference,
        with_scores: true,
        limit: false,
    };
    let mut request = Request::parse(cx, 1, command, takes)?;
    let picks = request.evaluate(cx.turn, cx.app, operation)?;
    reply_members(cx.reply, &picks, request.with_scores);
    Ok(())
}

/// ZUNIONSTORE, ZINTERSTORE, ZDIFFSTORE destination numkeys key [key ...] [WEIGHTS ...] [AGGREGATE ...]
pub(super) fn store(cx: &mut Context<'_, '_>, operation: Operation) -> Outcome {
    let (_, command) = names(operation);
    let takes = Takes {
        weights: operation != Operation::Difference,
        with_scores: false,
        limit: false,
    };
    let mut request = Request::parse(cx, 2, command, takes)?;
    let picks = request.evaluate(cx.turn, cx.app, operation)?;
    range::store(cx, cx.args.at(1), &picks)
}

/// ZINTERCARD numkeys key [key ...] [LIMIT limit]
pub(super) fn zintercard(cx: &mut Context<'_, '_>) -> Outcome {
    let takes = Takes {
        weights: false,
        with_scores: false,
        limit: true,
    };
    let mut request = Request::parse(cx, 1, "zintercard", takes)?;
    request.sources.sort_by_key(Source::count);
    let limit = if request.limit == 0 {
        u64::MAX
    } else {
        request.limit
    };
    let mut count = 0;
    request.intersection(cx.turn, cx.app, |_, _| {
        count += 1;
        count < limit
    })?;
    cx.reply.integer(count as i64);
    Ok(())
}

fn names(operation: Operation) -> (&'static str, &'static str) {
    match operation {
        Operation::Union => ("zunion", "zunionstore"),
        Operation::Intersection => ("zinter", "zinterstore"),
        Operation::Difference => ("zdiff", "zdiffstore"),
    }
}
