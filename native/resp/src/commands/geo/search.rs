//! Members near a place: GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER.

use super::cells::{place, Area, Point, Shape};
use super::places::{length, point, reply_length, reply_point, unit};
use super::sorted_sets;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::integer;
use crate::commands::edge;
use hyperdb_graph::{Header, Kind, Step};
use std::ops::ControlFlow;

/// Where a command's area and options come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// GEORADIUS: the centre, then the radius; may it store?
    Coordinates { stores: bool },
    /// GEORADIUSBYMEMBER.
    Member { stores: bool },
    /// GEOSEARCH.
    Search,
    /// GEOSEARCHSTORE.
    SearchStore,
}

/// GEORADIUS key longitude latitude radius unit [options]
pub(super) fn georadius(cx: &mut Context<'_, '_>) -> Outcome {
    run(cx, Form::Coordinates { stores: true })
}

/// GEORADIUS_RO
pub(super) fn georadius_ro(cx: &mut Context<'_, '_>) -> Outcome {
    run(cx, Form::Coordinates { stores: false })
}

/// GEORADIUSBYMEMBER key member radius unit [options]
pub(super) fn georadiusbymember(cx: &mut Context<'_, '_>) -> Outcome {
    run(cx, Form::Member { stores: true })
}

/// GEORADIUSBYMEMBER_RO
pub(super) fn georadiusbymember_ro(cx: &mut Context<'_, '_>) -> Outcome {
    run(cx, Form::Member { stores: false })
}

/// GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude BYRADIUS radius unit | BYBOX width height unit [options]
pub(super) fn geosearch(cx: &mut Context<'_, '_>) -> Outcome {
    run(cx, Form::Search)
}

/// GEOSEARCHSTORE destination source ...
pub(super) fn geosearchstore(cx: &mut Context<'_, '_>) -> Outcome {
    run(cx, Form::SearchStore)
}

/// In which order members come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    AsFound,
    Nearest,
    Farthest,
}

/// What was asked for, as far as it was read.
struct Request<'a> {
    set: Option<Header>,
    centre: Option<Point>,
    /// A centre was named, though the member cannot be looked up without a set.
    has_member: bool,
    shape: Option<Shape>,
    /// The unit of lengths in replies, metres.
    unit: f64,
    with_distance: bool,
    with_hash: bool,
    with_place: bool,
    order: Order,
    count: Option<u64>,
    any: bool,
    store: Option<&'a [u8]>,
    store_distances: bool,
}

/// A member that was found.
struct Found {
    member: Vec<u8>,
    score: f64,
    metres: f64,
}

fn run(cx: &mut Context<'_, '_>, form: Form) -> Outcome {
    let request = Request::parse(cx, form)?;
    let Some(set) = request.set else {
        match request.store {
            Some(target) => {
                cx.turn.remove_element(cx.app, target)?;
                cx.reply.integer(0);
            }
            None => cx.reply.array(0),
        }
        return Ok(());
    };
    let (Some(centre), Some(shape)) = (request.centre, request.shape) else {
        return Err(errors::syntax());
    };
    let mut found = request.search(cx, &set, &Area { centre, shape })?;
    match request.order {
        Order::AsFound => {}
        Order::Nearest => found.sort_by(|a, b| a.metres.total_cmp(&b.metres)),
        Order::Farthest => found.sort_by(|a, b| b.metres.total_cmp(&a.metres)),
    }
    if let Some(count) = request.count {
        found.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    }
    match request.store {
        Some(target) => request.store(cx, target, &found),
        None => {
            request.reply(cx, &found);
            Ok(())
        }
    }
}

impl<'a> Request<'a> {
    fn parse(cx: &Context<'a, '_>, form: Form) -> Result<Request<'a>, Abort> {
        let args = cx.args;
        let source = if form == Form::SearchStore { 2 } else { 1 };
        let mut request = Request {
            set: edge::open(cx, args.at(source), Kind::SortedSet)?,
            centre: None,
            has_member: false,
            shape: None,
            unit: 1.0,
            with_distance: false,
            with_hash: false,
            with_place: false,
            order: Order::AsFound,
            count: None,
            any: false,
            store: (form == Form::SearchStore).then(|| args.at(1)),
            store_distances: false,
        };
        let mut i = match form {
            Form::Coordinates { .. } => {
                request.centre = Some(point(cx, 2)?);
                request.circle(cx, 4)?;
                6
            }
            Form::Member { .. } => {
                if request.set.is_some() {
                    request.member(cx, 2)?;
                    request.circle(cx, 3)?;
                }
                5
            }
            Form::Search => 2,
            Form::SearchStore => 3,
        };
        while i < args.len() {
            i = match request.option(cx, i)? {
                Some(next) => next,
                None => match form {
                    Form::Search | Form::SearchStore => request.search_option(cx, i, form)?,
                    Form::Coordinates { stores } | Form::Member { stores } => {
                        request.store_option(cx, i, stores)?
                    }
                },
            };
        }
        request.check(cx, form)?;
        Ok(request)
    }

    /// An option of all forms at argument `i`; where the next is, `None` if it is none of these.
    fn option(&mut self, cx: &Context<'a, '_>, i: usize) -> Result<Option<usize>, Abort> {
        let args = cx.args;
        if args.is(i, "WITHDIST") {
            self.with_distance = true;
        } else if args.is(i, "WITHHASH") {
            self.with_hash = true;
        } else if args.is(i, "WITHCOORD") {
            self.with_place = true;
        } else if args.is(i, "ANY") {
            self.any = true;
        } else if args.is(i, "ASC") {
            self.order = Order::Nearest;
        } else if args.is(i, "DESC") {
            self.order = Order::Farthest;
        } else if let (true, Some(count)) = (args.is(i, "COUNT"), args.get(i + 1)) {
            let count = u64::try_from(integer(count)?)
                .ok()
                .filter(|count| *count > 0);
            self.count = Some(count.ok_or_else(|| Abort::error("ERR COUNT must be > 0"))?);
            return Ok(Some(i + 2));
        } else {
            return Ok(None);
        }
        Ok(Some(i + 1))
    }

    /// An option of GEORADIUS and GEORADIUSBYMEMBER.
    fn store_option(
        &mut self,
        cx: &Context<'a, '_>,
        i: usize,
        stores: bool,
    ) -> Result<usize, Abort> {
        let args = cx.args;
        let is_distance = args.is(i, "STOREDIST");
        match args.get(i + 1) {
            Some(target) if stores && (is_distance || args.is(i, "STORE")) => {
                self.store = Some(target);
                self.store_distances = is_distance;
                Ok(i + 2)
            }
            _ => Err(errors::syntax()),
        }
    }

    /// An option of GEOSEARCH and GEOSEARCHSTORE.
    fn search_option(
        &mut self,
        cx: &Context<'a, '_>,
        i: usize,
        form: Form,
    ) -> Result<usize, Abort> {
        let args = cx.args;
        let more = args.len() - 1 - i;
        let by_place = self.centre.is_some() && !self.has_member;
        let is_circle = matches!(self.shape, Some(Shape::Circle(_)));
        let is_box = matches!(self.shape, Some(Shape::Box { .. }));
        if args.is(i, "FROMMEMBER") && more >= 1 && !by_place {
            self.has_member = true;
            if self.set.is_some() {
                self.member(cx, i + 1)?;
            }
            return Ok(i + 2);
        }
        if args.is(i, "FROMLONLAT") && more >= 2 && !self.has_member {
            self.centre = Some(point(cx, i + 1)?);
            return Ok(i + 3);
        }
        if args.is(i, "BYRADIUS") && more >= 2 && !is_box {
            self.circle(cx, i + 1)?;
            return Ok(i + 3);
        }
        if args.is(i, "BYBOX") && more >= 3 && !is_circle {
            let width = length(args.at(i + 1), "ERR need numeric width")?;
            let height = length(args.at(i + 2), "ERR need numeric height")?;
            if width < 0.0 || height < 0.0 {
                return Err(Abort::error("ERR height or width cannot be negative"));
            }
            self.unit = unit(args.at(i + 3))?;
            self.shape = Some(Shape::Box {
                width: width * self.unit,
                height: height * self.unit,
            });
            return Ok(i + 4);
        }
        if args.is(i, "STOREDIST") && form == Form::SearchStore {
            self.store_distances = true;
            return Ok(i + 1);
        }
        Err(errors::syntax())
    }

    /// `radius unit` at argument `i`.
    fn circle(&mut self, cx: &Context<'a, '_>, i: usize) -> Result<(), Abort> {
        let radius = length(cx.args.at(i), "ERR need numeric radius")?;
        if radius < 0.0 {
            return Err(Abort::error("ERR radius cannot be negative"));
        }
        self.unit = unit(cx.args.at(i + 1))?;
        self.shape = Some(Shape::Circle(radius * self.unit));
        Ok(())
    }

    /// The member at argument `i` as the centre.
    fn member(&mut self, cx: &Context<'a, '_>, i: usize) -> Result<(), Abort> {
        let Some(set) = &self.set else {
            return Ok(());
        };
        let score = sorted_sets::score_of(cx.turn, cx.app, set, cx.args.at(i))?;
        let undecodable = || Abort::error("ERR could not decode requested zset member");
        self.centre = Some(place(score.ok_or_else(undecodable)?));
        Ok(())
    }

    fn check(&mut self, cx: &Context<'a, '_>, form: Form) -> Result<(), Abort> {
        let is_search = matches!(form, Form::Search | Form::SearchStore);
        if self.store.is_some() && (self.with_distance || self.with_hash || self.with_place) {
            let what = match form {
                Form::SearchStore => "GEOSEARCHSTORE",
                _ => "STORE option in GEORADIUS",
            };
            return Err(Abort::error(format!(
                "ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        let name = String::from_utf8_lossy(cx.args.at(0));
        if is_search && self.centre.is_none() && !self.has_member {
            return Err(Abort::error(format!(
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"
            )));
        }
        if is_search && self.shape.is_none() {
            return Err(Abort::error(format!(
                "ERR exactly one of BYRADIUS and BYBOX can be specified for {name}"
            )));
        }
        if self.any && self.count.is_none() {
            return Err(Abort::error("ERR the ANY argument requires COUNT argument"));
        }
        // The nearest are meant by so many of them, unless any will do.
        if self.count.is_some() && self.order == Order::AsFound && !self.any {
            self.order = Order::Nearest;
        }
        Ok(())
    }

    /// The members within an area; no more than asked for if any will do.
    fn search(&self, cx: &Context<'_, '_>, set: &Header, area: &Area) -> Step<Vec<Found>> {
        let enough = self.count.filter(|_| self.any);
        let is_enough = |found: usize| enough.is_some_and(|enough| found as u64 >= enough);
        let mut found: Vec<Found> = Vec::new();
        for cell in area.cells() {
            if is_enough(found.len()) {
                break;
            }
            sorted_sets::walk_scores(cx.turn, cx.app, set, cell.scores(), |member, score| {
                if let Some(metres) = area.reach(place(score)) {
                    found.push(Found {
                        member: member.to_vec(),
                        score,
                        metres,
                    });
                }
                if is_enough(found.len()) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        }
        Ok(found)
    }

    fn reply(&self, cx: &mut Context<'_, '_>, found: &[Found]) {
        let options = [self.with_distance, self.with_hash, self.with_place];
        let extra = options.into_iter().filter(|with| *with).count();
        let reply = &mut *cx.reply;
        reply.array(found.len());
        for one in found {
            if extra > 0 {
                reply.array(1 + extra);
            }
            reply.bulk(&one.member);
            if self.with_distance {
                reply_length(reply, one.metres / self.unit);
            }
            if self.with_hash {
                reply.integer(one.score as i64);
            }
            if self.with_place {
                reply_point(reply, place(one.score));
            }
        }
    }

    fn store(&self, cx: &mut Context<'_, '_>, target: &[u8], found: &[Found]) -> Outcome {
        let members = found.iter().map(|one| {
            let distance = one.metres / self.unit;
            let score = if self.store_distances {
                distance
            } else {
                one.score
            };
            (&one.member[..], score)
        });
        sorted_sets::store(cx, target, members)?;
        cx.reply.integer(found.len() as i64);
        Ok(())
    }
}
