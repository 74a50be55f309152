//! Random histories beside a map: members, incidence both ways, nesting, counts, the four sets, past commits, restarts.

use super::*;
use crate::reader::Reader;

#[derive(Clone, Debug)]
enum Step {
    AddVertex(u8, u8),
    RemoveVertex(u8, bool),
    AddMember(u8, u8, Target),
    RemoveMember(u8, u8),
    RemoveHyperedge(u8, bool),
    Delete(u8),
    Overwrite(u8),
    Retain,
    Reopen,
    Reorganise(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Vertex(u8),
    Edge(u8),
    Value(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Ids are shared by vertices and hyperedges, so that one becomes the other.
    let id = 0u8..6;
    let target = prop_oneof![
        id.clone().prop_map(Target::Vertex),
        id.clone().prop_map(Target::Edge),
        any::<u8>().prop_map(Target::Value),
    ];
    let step = prop_oneof![
        6 => (id.clone(), 0u8..2).prop_map(|(id, v)| Step::AddVertex(id, v)),
        2 => (id.clone(), any::<bool>()).prop_map(|(id, d)| Step::RemoveVertex(id, d)),
        12 => (id.clone(), 0u8..3, target).prop_map(|(id, k, t)| Step::AddMember(id, k, t)),
        3 => (id.clone(), 0u8..3).prop_map(|(id, k)| Step::RemoveMember(id, k)),
        2 => (id.clone(), any::<bool>()).prop_map(|(id, d)| Step::RemoveHyperedge(id, d)),
        1 => id.clone().prop_map(Step::Delete),
        1 => id.prop_map(Step::Overwrite),
        1 => Just(Step::Retain),
        1 => Just(Step::Reopen),
        1 => any::<bool>().prop_map(Step::Reorganise),
    ];
    proptest::collection::vec(step, 1..60)
}

#[derive(Clone, Debug, PartialEq)]
enum Thing {
    Vertex(u8),
    Edge(BTreeMap<u8, Target>),
}

/// Live elements, the newest remove of each id that is not there (its commit and whether it was a vertex), and every
/// remove there ever was.
#[derive(Clone, Debug, Default)]
struct Model {
    things: BTreeMap<u8, Thing>,
    removed: BTreeMap<u8, (Commit, bool)>,
    removes: BTreeSet<(u8, Commit, bool)>,
}

impl Model {
    fn incident(&self, id: u8) -> Vec<(u8, u8, bool)> {
        let mut found = Vec::new();
        for (edge, thing) in &self.things {
            let Thing::Edge(members) = thing else {
                continue;
            };
            for (key, target) in members {
                match target {
                    Target::Vertex(to) if *to == id => found.push((*edge, *key, true)),
                    Target::Edge(to) if *to == id => found.push((*edge, *key, false)),
                    _ => {}
                }
            }
        }
        found
    }

    fn above(&self, id: u8, as_vertex: bool) -> BTreeSet<u8> {
        let mut found = BTreeSet::new();
        let mut open = vec![(id, as_vertex)];
        while let Some((id, as_vertex)) = open.pop() {
            for (edge, _, vertex) in self.incident(id) {
                if vertex == as_vertex && found.insert(edge) {
                    open.push((edge, false));
                }
            }
        }
        found
    }

    fn within(&self, inner: u8, outer: u8) -> bool {
        match self.things.get(&inner) {
            None => false,
            Some(Thing::Vertex(_)) => self.above(inner, true).contains(&outer),
            Some(Thing::Edge(_)) => self.above(inner, false).contains(&outer),
        }
    }

    fn remove(&mut self, id: u8, commit: Commit) {
        if let Some(thing) = self.things.remove(&id) {
            let vertex = matches!(thing, Thing::Vertex(_));
            self.removed.insert(id, (commit, vertex));
            self.removes.insert((id, commit, vertex));
        }
    }

    fn add(&mut self, id: u8, thing: Thing) {
        self.removed.remove(&id);
        self.things.insert(id, thing);
    }

    fn take_off(&mut self, id: u8) {
        for (edge, key, _) in self.incident(id) {
            if let Some(Thing::Edge(members)) = self.things.get_mut(&edge) {
                members.remove(&key);
            }
        }
    }

    /// Does the step if it is allowed; whether it is.
    fn apply(&mut self, step: &Step, commit: Commit) -> bool {
        match *step {
            Step::AddVertex(id, value) => {
                if matches!(self.things.get(&id), Some(Thing::Edge(_))) {
                    return false;
                }
                self.add(id, Thing::Vertex(value));
            }
            Step::RemoveVertex(id, detach) | Step::RemoveHyperedge(id, detach) => {
                let wants_vertex = matches!(step, Step::RemoveVertex(..));
                let Some(thing) = self.things.get(&id) else {
                    return true;
                };
                if matches!(thing, Thing::Vertex(_)) != wants_vertex {
                    return false;
                }
                if detach {
                    self.take_off(id);
                } else if !self.incident(id).is_empty() {
                    return false;
                }
                self.remove(id, commit);
            }
            Step::AddMember(id, key, target) => {
                let members = match self.things.get(&id) {
                    None => BTreeMap::new(),
                    Some(Thing::Edge(members)) => members.clone(),
                    Some(Thing::Vertex(_)) => return false,
                };
                let is_there = members.get(&key) == Some(&target);
                let fits = match target {
                    Target::Value(_) => true,
                    Target::Vertex(to) => matches!(self.things.get(&to), Some(Thing::Vertex(_))),
                    Target::Edge(to) => {
                        // A new hyperedge is there before its members are looked at.
                        let there =
                            to == id || matches!(self.things.get(&to), Some(Thing::Edge(_)));
                        there && to != id && !self.above(id, false).contains(&to)
                    }
                };
                if !is_there && !fits {
                    return false;
                }
                self.add(id, Thing::Edge(members));
                if let Some(Thing::Edge(members)) = self.things.get_mut(&id) {
                    members.insert(key, target);
                }
            }
            Step::RemoveMember(id, key) => match self.things.get_mut(&id) {
                None => {}
                Some(Thing::Vertex(_)) => return false,
                Some(Thing::Edge(members)) => {
                    members.remove(&key);
                }
            },
            Step::Delete(id) => self.remove(id, commit),
            Step::Overwrite(id) => self.add(id, Thing::Vertex(9)),
            Step::Retain | Step::Reopen | Step::Reorganise(_) => {}
        }
        true
    }
}

fn member_of(target: Target) -> Member {
    match target {
        Target::Vertex(id) => vertex(&[id]),
        Target::Edge(id) => edge(&[id]),
        Target::Value(value) => Member::Value(vec![value]),
    }
}

fn perform(turn: &mut Turn<'_>, step: &Step) -> Act<()> {
    let app = turn.app(b"app")?;
    match *step {
        Step::AddVertex(id, value) => add_vertex(turn, app, &[id], &[value]).map(|_| ()),
        Step::RemoveVertex(id, detach) => remove_vertex(turn, app, &[id], detach).map(|_| ()),
        Step::RemoveHyperedge(id, detach) => remove_hyperedge(turn, app, &[id], detach).map(|_| ()),
        Step::AddMember(id, key, target) => {
            add_hyperedge(turn, app, &[id], &[(vec![key], member_of(target))]).map(|_| ())
        }
        Step::RemoveMember(id, key) => remove_members(turn, app, &[id], &[vec![key]]).map(|_| ()),
        Step::Delete(id) => Ok(turn.remove_element(app, &[id]).map(|_| ())?),
        Step::Overwrite(id) => Ok(turn.put_vertex(app, &[id], &[9], None)?),
        Step::Retain | Step::Reopen | Step::Reorganise(_) => Ok(()),
    }
}

fn look(store: &Store, commit: Commit, model: &Model, past: &[(Commit, Model)]) {
    let horizon = store.db().horizon();
    let snapshot = store.db().snapshot_at(commit).unwrap();
    let reader = store.reader(snapshot, b"app", None, horizon).unwrap();
    let Some(app) = reader.app() else {
        assert!(model.things.is_empty());
        return;
    };
    let (mut vertices, mut edges, mut bytes) = (0, 0, 0);
    for id in 0u8..6 {
        let stored = record(&reader, app, &[id]).unwrap();
        match (model.things.get(&id), &stored) {
            (None, None) => {}
            (Some(Thing::Vertex(value)), Some(stored)) => {
                vertices += 1;
                bytes += 2;
                let wanted = [*value];
                let expiry = None;
                assert_eq!(
                    stored.record().unwrap(),
                    Record::Vertex {
                        expiry,
                        value: &wanted
                    }
                );
            }
            (Some(Thing::Edge(members)), Some(_)) => {
                edges += 1;
                let header = header(&reader, app, &[id]).unwrap().unwrap();
                let wanted: Vec<_> = members
                    .iter()
                    .map(|(key, target)| (vec![*key], member_of(*target)))
                    .collect();
                let mut range = MemberRange::all();
                let cid = header.cid;
                assert_eq!(
                    super::super::members(&reader, app, cid, &range, 9).unwrap(),
                    wanted
                );
                range.direction = Direction::Reverse;
                range.end = Bound::Excluded(vec![2]);
                range.start = Bound::Included(vec![1]);
                let middle = super::super::members(&reader, app, cid, &range, 9).unwrap();
                let wanted_middle: Vec<_> = wanted
                    .iter()
                    .filter(|(key, _)| key == &[1])
                    .cloned()
                    .collect();
                assert_eq!(middle, wanted_middle);
                assert_eq!(header.count, members.len() as u64);
                assert_eq!(header.bytes, 3 * members.len() as u64);
                bytes += 1 + header.bytes;
            }
            (wanted, _) => panic!("id {id}: {wanted:?}, found {}", stored.is_some()),
        }
        let found = incident(&reader, app, &[id], None, 100).unwrap();
        let found: Vec<_> = found
            .into_iter()
            .map(|one| (one.edge[0], one.order_key[0], one.kind == Reference::Vertex))
            .collect();
        assert_eq!(found, model.incident(id), "incident to {id}");
        for outer in 0u8..6 {
            let found = within(&reader, app, &[id], &[outer])
                .map_err(|_| ())
                .unwrap();
            assert_eq!(found, model.within(id, outer), "{id} within {outer}");
        }
    }
    let stats = reader.stats().unwrap();
    assert_eq!(
        (stats.count(Class::Vertex), stats.count(Class::Edge)),
        (vertices, edges)
    );
    assert_eq!(stats.total_bytes(), bytes);
    for (set, is_vertex) in [(Set::VertexAdds, true), (Set::HyperedgeAdds, false)] {
        let mut found: Vec<u8> = reader.changes(set).map(|one| one.unwrap().0[0]).collect();
        found.sort_unstable();
        let is_it = |thing: &Thing| matches!(thing, Thing::Vertex(_)) == is_vertex;
        let wanted: Vec<u8> = model
            .things
            .iter()
            .filter(|(_, thing)| is_it(thing))
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(found, wanted);
        for one in reader.changes(set) {
            let (id, version) = one.unwrap();
            assert_eq!(reader.version(&id).unwrap(), Some(version));
        }
    }
    removes_agree(&reader, commit, horizon, model, past);
}

/// The two sets of removes: what came and went between two kept commits may have left no trace, and an older remove
/// may show for it; but what a kept commit saw and is gone now shows once.
fn removes_agree(
    reader: &Reader,
    commit: Commit,
    horizon: Commit,
    model: &Model,
    past: &[(Commit, Model)],
) {
    let mut found: BTreeMap<u8, Commit> = BTreeMap::new();
    for (set, is_vertex) in [(Set::VertexRemoves, true), (Set::HyperedgeRemoves, false)] {
        for one in reader.changes(set) {
            let (id, version) = one.map(|(id, version)| (id[0], version)).unwrap();
            let known = model.removes.contains(&(id, version, is_vertex));
            assert!(known, "{set:?} {id} at {version}");
            assert!(!model.things.contains_key(&id), "{set:?} {id} is there");
            let came_back = |(kept, model): &(Commit, Model)| {
                (version..=commit).contains(kept) && model.things.contains_key(&id)
            };
            assert!(!past.iter().any(came_back), "{set:?} {id} at {version}");
            assert_eq!(found.insert(id, version), None, "{id} in both sets");
        }
    }
    for (id, (removed, _)) in &model.removed {
        let knew =
            |(kept, model): &(Commit, Model)| kept < removed && model.things.contains_key(id);
        let must = *removed > horizon && past.iter().any(knew);
        assert!(found.contains_key(id) || !must, "{id} left no trace");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn histories_agree_with_a_map(steps in steps()) {
        let fs = SimFs::new();
        let mut store = reopen(&fs);
        let mut model = Model::default();
        let mut past: Vec<(Commit, Model)> = Vec::new();
        for step in steps {
            let before = store.db().latest();
            let mut next = model.clone();
            let allowed = next.apply(&step, before + 1);
            match run(&store, 0, |turn| perform(turn, &step)) {
                Ok(_) => prop_assert!(allowed, "{:?} was done", step),
                Err(Halt::Refused(refusal)) => prop_assert!(!allowed, "{:?}: {}", step, refusal),
                Err(Halt::Stop(stop)) => panic!("{stop}"),
            }
            if allowed {
                model = next;
            } else {
                prop_assert_eq!(store.db().latest(), before);
            }
            match step {
                Step::Retain => past.push((store.db().retain().unwrap(), model.clone())),
                Step::Reorganise(true) => store.db().compact().unwrap(),
                Step::Reorganise(false) => store.db().flush().unwrap(),
                Step::Reopen => {
                    drop(store);
                    store = reopen(&fs);
                }
                _ => {}
            }
            look(&store, store.db().durable(), &model, &past);
            if let Some((commit, model)) = past.last() {
                look(&store, *commit, model, &past);
            }
        }
        for (commit, model) in &past {
            look(&store, *commit, model, &past);
        }
    }
}
