//! Dependency cycles in list-append histories.
//!
//! **Theory** (Adya 1999; Kingsbury and Alvaro, "Elle", VLDB 2020). Since items are unique and only appended, the
//! longest list read of a key is its version order, and every read names the version it saw. That gives all
//! dependencies between committed transactions: *ww* (appended right after), *wr* (read the other's last item),
//! *rw* (read the version that the other one appended to: anti-dependency); and *rt*, ended before the other
//! began. The history is strictly serializable iff they have no cycle and no read saw what it must not see.
//!
//! The history must end with a transaction that reads every key.

use super::record::{Item, Key, Op, Recorded};
use std::collections::{BTreeSet, HashMap};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// G1a: saw an item of a transaction that was rolled back, or of none at all.
    AbortedRead(Key, Item),
    /// G1b: saw only the first part of what a transaction appended to the key.
    IntermediateRead(Key, Item),
    /// Two reads of a key, neither of which is the beginning of the other.
    IncompatibleOrder(Key),
    /// A committed append that the longest read does not have.
    LostAppend(Key, Item),
    /// A transaction does not read its own append, or reads a key in two versions.
    Internal(Key),
    /// Transactions, by place in the history, each depending on the next; and at how many places only by
    /// anti-dependency: 0 is G1c, 1 is G-single, more is G2 (write skew).
    Cycle {
        transactions: Vec<usize>,
        anti_dependencies: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    WriteWrite,
    WriteRead,
    RealTime,
    ReadWrite,
}

/// Whether the committed part of `history` is strictly serializable.
pub fn check(history: &[Recorded]) -> Result<(), Anomaly> {
    let mut writers: HashMap<(Key, Item), usize> = HashMap::new();
    for (at, transaction) in history.iter().enumerate() {
        for op in &transaction.ops {
            if let Op::Append(key, item) = op {
                writers.insert((*key, *item), at);
            }
        }
        check_internal(transaction)?;
    }
    let orders = version_orders(history)?;
    let committed = || history.iter().enumerate().filter(|(_, t)| t.committed);
    for (_, transaction) in committed() {
        for op in &transaction.ops {
            if let Op::Append(key, item) = op {
                if !orders.get(key).is_some_and(|order| order.contains(item)) {
                    return Err(Anomaly::LostAppend(*key, *item));
                }
            }
        }
    }
    let mut edges: Vec<BTreeSet<(Edge, usize)>> = vec![BTreeSet::new(); history.len()];
    for (key, order) in &orders {
        for item in order {
            match writers.get(&(*key, *item)) {
                Some(at) if history[*at].committed => {}
                _ => return Err(Anomaly::AbortedRead(*key, *item)),
            }
        }
        for pair in order.windows(2) {
            let (from, to) = (writers[&(*key, pair[0])], writers[&(*key, pair[1])]);
            edges[from].insert((Edge::WriteWrite, to));
        }
    }
    for (at, transaction) in committed() {
        for (key, items) in external_reads(transaction) {
            let order = orders.get(&key).map_or(&[][..], Vec::as_slice);
            if let Some(last) = items.last() {
                let writer = writers[&(key, *last)];
                let next = order.get(items.len()).map(|item| writers[&(key, *item)]);
                if writer != at && next == Some(writer) {
                    return Err(Anomaly::IntermediateRead(key, *last));
                }
                edges[writer].insert((Edge::WriteRead, at));
            }
            if let Some(next) = order.get(items.len()) {
                edges[at].insert((Edge::ReadWrite, writers[&(key, *next)]));
            }
        }
    }
    add_real_time(history, &mut edges);
    for (at, out) in edges.iter_mut().enumerate() {
        out.retain(|(_, to)| *to != at);
    }
    find_cycle(&edges)
}

/// What it read of others: reads before its own appends to the key.
fn external_reads(transaction: &Recorded) -> Vec<(Key, &[Item])> {
    let mut appended = BTreeSet::new();
    let mut reads = Vec::new();
    for op in &transaction.ops {
        match op {
            Op::Append(key, _) => {
                appended.insert(*key);
            }
            Op::Read(key, items) if !appended.contains(key) => reads.push((*key, &items[..])),
            Op::Read(..) => {}
        }
    }
    reads
}

fn check_internal(transaction: &Recorded) -> Result<(), Anomaly> {
    let mut seen: HashMap<Key, Vec<Item>> = HashMap::new();
    let mut own: HashMap<Key, Vec<Item>> = HashMap::new();
    for op in &transaction.ops {
        match op {
            Op::Append(key, item) => {
                own.entry(*key).or_default().push(*item);
                if let Some(list) = seen.get_mut(key) {
                    list.push(*item);
                }
            }
            Op::Read(key, items) => {
                let own = own.get(key).map_or(&[][..], Vec::as_slice);
                let same = seen.get(key).is_none_or(|list| list == items);
                if !items.ends_with(own) || !same {
                    return Err(Anomaly::Internal(*key));
                }
                seen.insert(*key, items.clone());
            }
        }
    }
    Ok(())
}

/// By key: the longest read of a committed transaction, of which all others are beginnings.
fn version_orders(history: &[Recorded]) -> Result<HashMap<Key, Vec<Item>>, Anomaly> {
    let mut reads: HashMap<Key, Vec<&[Item]>> = HashMap::new();
    for transaction in history.iter().filter(|t| t.committed) {
        for op in &transaction.ops {
            if let Op::Read(key, items) = op {
                reads.entry(*key).or_default().push(items);
            }
        }
    }
    reads
        .into_iter()
        .map(|(key, mut lists)| {
            lists.sort_by_key(|list| list.len());
            if lists.windows(2).any(|pair| !pair[1].starts_with(pair[0])) {
                return Err(Anomaly::IncompatibleOrder(key));
            }
            Ok((key, lists.last().map_or(Vec::new(), |list| list.to_vec())))
        })
        .collect()
}

/// From each transaction to those that began after it ended. Only the ones that began before any of those ended
/// are needed: the rest follows.
fn add_real_time(history: &[Recorded], edges: &mut [BTreeSet<(Edge, usize)>]) {
    let mut by_begin: Vec<usize> = (0..history.len())
        .filter(|at| history[*at].committed)
        .collect();
    by_begin.sort_by_key(|at| history[*at].begin);
    for &from in &by_begin {
        let first = by_begin.partition_point(|to| history[*to].begin <= history[from].end);
        let mut soonest_end = u64::MAX;
        for &to in &by_begin[first..] {
            if history[to].begin > soonest_end {
                break;
            }
            soonest_end = soonest_end.min(history[to].end);
            edges[from].insert((Edge::RealTime, to));
        }
    }
}

/// A shortest cycle, of those the one whose edges are worst: tried with few kinds of edges first.
fn find_cycle(edges: &[BTreeSet<(Edge, usize)>]) -> Result<(), Anomaly> {
    for worst in [Edge::WriteRead, Edge::RealTime, Edge::ReadWrite] {
        let components = components(edges, worst);
        let found = (0..edges.len())
            .filter_map(|start| shortest_cycle(edges, worst, &components, start))
            .min_by_key(Vec::len);
        if let Some(transactions) = found {
            let next = transactions.iter().cycle().skip(1);
            let anti_dependencies = transactions
                .iter()
                .zip(next)
                .filter(|(from, to)| {
                    let kind = edges[**from].iter().find(|(_, other)| other == *to);
                    kind.is_some_and(|(kind, _)| *kind == Edge::ReadWrite)
                })
                .count();
            return Err(Anomaly::Cycle {
                transactions,
                anti_dependencies,
            });
        }
    }
    Ok(())
}

/// Number of the strongly connected component of each node (Kosaraju), or `usize::MAX` for one of a single node.
fn components(edges: &[BTreeSet<(Edge, usize)>], worst: Edge) -> Vec<usize> {
    let n = edges.len();
    let mut backward = vec![Vec::new(); n];
    let mut forward = vec![Vec::new(); n];
    for (from, out) in edges.iter().enumerate() {
        for (_, to) in out.iter().filter(|(kind, _)| *kind <= worst) {
            forward[from].push(*to);
            backward[*to].push(from);
        }
    }
    let mut seen = vec![false; n];
    let mut finished = Vec::with_capacity(n);
    for root in 0..n {
        depth_first(&forward, root, &mut seen, &mut finished);
    }
    let mut component = vec![usize::MAX; n];
    let mut seen = vec![false; n];
    for root in finished.into_iter().rev() {
        let mut members = Vec::new();
        depth_first(&backward, root, &mut seen, &mut members);
        if members.len() > 1 {
            members
                .into_iter()
                .for_each(|member| component[member] = root);
        }
    }
    component
}

/// Appends what is reached from `root` and was not seen yet, each after what it leads to.
fn depth_first(graph: &[Vec<usize>], root: usize, seen: &mut [bool], finished: &mut Vec<usize>) {
    if std::mem::replace(&mut seen[root], true) {
        return;
    }
    let mut stack = vec![(root, 0)];
    while let Some((node, branch)) = stack.last_mut() {
        match graph[*node].get(*branch) {
            Some(next) => {
                *branch += 1;
                if !std::mem::replace(&mut seen[*next], true) {
                    stack.push((*next, 0));
                }
            }
            None => {
                finished.push(*node);
                stack.pop();
            }
        }
    }
}

fn shortest_cycle(
    edges: &[BTreeSet<(Edge, usize)>],
    worst: Edge,
    component: &[usize],
    start: usize,
) -> Option<Vec<usize>> {
    if component[start] == usize::MAX {
        return None;
    }
    let mut before: HashMap<usize, usize> = HashMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for (_, next) in edges[node].iter().filter(|(kind, _)| *kind <= worst) {
            if *next == start {
                let mut cycle = vec![node];
                while let Some(previous) = before.get(cycle.last()?) {
                    cycle.push(*previous);
                }
                cycle.reverse();
                return Some(cycle);
            }
            if component[*next] == component[start] && !before.contains_key(next) {
                before.insert(*next, node);
                queue.push_back(*next);
            }
        }
    }
    None
}
