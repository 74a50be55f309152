//! Boxes of the earth's surface and distances on it.
//!
//! Web Mercator's extent (EPSG:3857), a sphere of 6372797.560856 m, great circles by haversine.

/// Degrees of longitude and latitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub longitude: f64,
    pub latitude: f64,
}

pub(super) const LONGITUDES: (f64, f64) = (-180.0, 180.0);
/// Where Web Mercator ends.
pub(super) const LATITUDES: (f64, f64) = (-85.051_128_78, 85.051_128_78);
/// Whole latitudes, as geohash strings have them.
pub(super) const ALL_LATITUDES: (f64, f64) = (-90.0, 90.0);
/// Halvings of each coordinate in a score.
pub(super) const FINEST: u32 = 26;
const EARTH_RADIUS: f64 = 6_372_797.560_856;
/// Half of the equator in Web Mercator, metres.
const MERCATOR_MAX: f64 = 20_037_726.37;
const DEGREE: f64 = std::f64::consts::PI / 180.0;
const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const EVEN: u64 = 0x5555_5555_5555_5555;

/// A box: so many halvings of each coordinate, their bits interleaved, latitude's lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub bits: u64,
    pub steps: u32,
}

/// The edges of a box, degrees.
struct Edges {
    longitude: (f64, f64),
    latitude: (f64, f64),
}

/// The bits of a number, a free place behind each.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, EVEN),
    ] {
        bits = (bits | (bits << shift)) & mask;
    }
    bits
}

/// Back from [`spread`], whatever stands in the free places.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & EVEN;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | (bits >> shift)) & mask;
    }
    bits as u32
}

impl Cell {
    /// The box of a place, latitudes reaching over `latitudes`.
    pub(super) fn of(point: Point, latitudes: (f64, f64), steps: u32) -> Cell {
        let whole = (1u64 << steps) as f64;
        let offset =
            |value: f64, (low, high): (f64, f64)| ((value - low) / (high - low) * whole) as u32;
        let latitude = offset(point.latitude, latitudes);
        let longitude = offset(point.longitude, LONGITUDES);
        Cell {
            bits: spread(latitude) | (spread(longitude) << 1),
            steps,
        }
    }

    /// The smallest box that a score names.
    fn of_score(score: f64) -> Cell {
        // C converts negative numbers by way of signed ones.
        let bits = if score < 0.0 {
            score as i64 as u64
        } else {
            score as u64
        };
        Cell {
            bits,
            steps: FINEST,
        }
    }

    fn edges(self) -> Edges {
        let whole = (1u64 << self.steps) as f64;
        let side = |at: u32, (low, high): (f64, f64)| {
            let scale = high - low;
            let edge = |at: f64| low + (at / whole) * scale;
            (edge(f64::from(at)), edge(f64::from(at) + 1.0))
        };
        Edges {
            longitude: side(gather(self.bits >> 1), LONGITUDES),
            latitude: side(gather(self.bits), LATITUDES),
        }
    }

    /// The box so many boxes to the east and to the north, around the earth.
    fn moved(self, east: i8, north: i8) -> Cell {
        let unused = 64 - self.steps * 2;
        let (mut x, mut y) = (self.bits & ODD, self.bits & EVEN);
        let step = |part: u64, gaps: u64, by: i8| match by {
            0 => part,
            1 => part.wrapping_add(gaps + 1),
            _ => (part | gaps).wrapping_sub(gaps + 1),
        };
        if east != 0 {
            x = step(x, EVEN >> unused, east) & (ODD >> unused);
        }
        if north != 0 {
            y = step(y, ODD >> unused, north) & (EVEN >> unused);
        }
        Cell {
            bits: x | y,
            ..self
        }
    }

    /// The scores of places in it: from the first to below the second.
    pub(super) fn scores(self) -> (f64, f64) {
        let shift = 2 * (FINEST - self.steps);
        let low = self.bits << shift;
        (low as f64, ((self.bits + 1) << shift) as f64)
    }
}

/// A place as a score.
pub(super) fn score(point: Point) -> f64 {
    Cell::of(point, LATITUDES, FINEST).bits as f64
}

/// The place that a score names: the middle of its box.
pub(super) fn place(score: f64) -> Point {
    let edges = Cell::of_score(score).edges();
    let middle = |(low, high): (f64, f64)| (low + high) / 2.0;
    Point {
        longitude: middle(edges.longitude).clamp(LONGITUDES.0, LONGITUDES.1),
        latitude: middle(edges.latitude).clamp(LATITUDES.0, LATITUDES.1),
    }
}

fn latitude_distance(a: f64, b: f64) -> f64 {
    EARTH_RADIUS * (b * DEGREE - a * DEGREE).abs()
}

/// Metres between two places.
pub(super) fn distance(a: Point, b: Point) -> f64 {
    let v = ((b.longitude * DEGREE - a.longitude * DEGREE) / 2.0).sin();
    if v == 0.0 {
        return latitude_distance(a.latitude, b.latitude);
    }
    let (one, other) = (a.latitude * DEGREE, b.latitude * DEGREE);
    let u = ((other - one) / 2.0).sin();
    let square = u * u + one.cos() * other.cos() * v * v;
    2.0 * EARTH_RADIUS * square.sqrt().asin()
}

/// What is searched around a centre; metres.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Circle(f64),
    Box { width: f64, height: f64 },
}

/// An area to be searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub centre: Point,
    pub shape: Shape,
}

impl Area {
    /// How far a place is from the centre, if it is within.
    pub(super) fn reach(&self, point: Point) -> Option<f64> {
        match self.shape {
            Shape::Circle(radius) => {
                Some(distance(self.centre, point)).filter(|metres| *metres <= radius)
            }
            Shape::Box { width, height } => {
                if latitude_distance(point.latitude, self.centre.latitude) > height / 2.0 {
                    return None;
                }
                let beside = Point {
                    longitude: self.centre.longitude,
                    ..point
                };
                (distance(point, beside) <= width / 2.0).then(|| distance(self.centre, point))
            }
        }
    }

    /// Longitudes and latitudes between which it lies.
    fn bounds(&self) -> Edges {
        let (width, height) = match self.shape {
            Shape::Circle(radius) => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let Point {
            longitude,
            latitude,
        } = self.centre;
        let north = height / EARTH_RADIUS / DEGREE;
        let east_at = |at: f64| width / EARTH_RADIUS / (at * DEGREE).cos() / DEGREE;
        // Meridians are closest together towards the pole, so that side needs the widest angle.
        let east = if latitude < 0.0 {
            east_at(latitude - north)
        } else {
            east_at(latitude + north)
        };
        Edges {
            longitude: (longitude - east, longitude + east),
            latitude: (latitude - north, latitude + north),
        }
    }

    /// Halvings after which nine boxes cover the area, or nearly.
    fn steps(&self) -> u32 {
        let mut metres = match self.shape {
            Shape::Circle(radius) => radius,
            Shape::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        if metres == 0.0 {
            return FINEST;
        }
        let mut steps = 1i32;
        while metres < MERCATOR_MAX {
            metres *= 2.0;
            steps += 1;
        }
        steps -= 2;
        let from_equator = self.centre.latitude.abs();
        steps -= i32::from(from_equator > 66.0) + i32::from(from_equator > 80.0);
        steps.clamp(1, FINEST as i32) as u32
    }

    /// The boxes to look through, each once in a row.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let bounds = self.bounds();
        let mut cell = Cell::of(self.centre, LATITUDES, self.steps());
        let too_small = cell.moved(0, 1).edges().latitude.1 < bounds.latitude.1
            || cell.moved(0, -1).edges().latitude.0 > bounds.latitude.0
            || cell.moved(1, 0).edges().longitude.1 < bounds.longitude.1
            || cell.moved(-1, 0).edges().longitude.0 > bounds.longitude.0;
        if too_small && cell.steps > 1 {
            cell = Cell::of(self.centre, LATITUDES, cell.steps - 1);
        }
        let edges = cell.edges();
        // The side of the middle box that the area does not reach over has no neighbours to look at.
        let skip = |east: i8, north: i8| {
            cell.steps >= 2
                && ((north < 0 && edges.latitude.0 < bounds.latitude.0)
                    || (north > 0 && edges.latitude.1 > bounds.latitude.1)
                    || (east < 0 && edges.longitude.0 < bounds.longitude.0)
                    || (east > 0 && edges.longitude.1 > bounds.longitude.1))
        };
        const AROUND: [(i8, i8); 8] = [
            (0, 1),
            (0, -1),
            (1, 0),
            (-1, 0),
            (1, 1),
            (-1, 1),
            (1, -1),
            (-1, -1),
        ];
        let mut cells = vec![cell];
        let mut last = None;
        for (east, north) in AROUND {
            let next = cell.moved(east, north);
            if !skip(east, north) && last != Some(next) {
                cells.push(next);
                last = Some(next);
            }
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back() {
        for number in [0, 1, 2, 3, 0x1234_5678, u32::MAX] {
            assert_eq!(gather(spread(number)), number);
            assert_eq!(gather(spread(number) | ODD), number);
        }
    }

    #[test]
    fn neighbours_go_around_the_earth() {
        for steps in [1, 2, 10, FINEST] {
            let cell = Cell { bits: 0, steps };
            for (east, north) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1)] {
                let there = cell.moved(east, north);
                assert_ne!(there, cell, "{steps} {east} {north}");
                assert_eq!(there.moved(-east, -north), cell, "{steps} {east} {north}");
            }
        }
    }

    #[test]
    fn every_place_within_lies_in_a_box_that_is_looked_through() {
        for centre_latitude in [-84.0, -60.0, -0.5, 0.0, 33.0, 67.0, 81.0] {
            for radius in [10.0, 5_000.0, 300_000.0, 2_000_000.0] {
                let centre = Point {
                    longitude: 12.5,
                    latitude: centre_latitude,
                };
                let area = Area {
                    centre,
                    shape: Shape::Circle(radius),
                };
                let cells = area.cells();
                // Boxes end at Web Mercator's edge; what lies beyond a pole is not found, as in Redis.
                if centre_latitude.abs() + radius / 111_000.0 > LATITUDES.1 {
                    continue;
                }
                for i in 0..400 {
                    let (angle, part) = (f64::from(i), f64::from(i % 20) / 20.0);
                    let degrees = radius * part / 111_000.0;
                    let point = Point {
                        longitude: centre.longitude + angle.cos() * degrees,
                        latitude: (centre.latitude + angle.sin() * degrees)
                            .clamp(LATITUDES.0, LATITUDES.1),
                    };
                    let score = score(point);
                    if area.reach(place(score)).is_some() {
                        let found = cells.iter().any(|cell| {
                            let (low, high) = cell.scores();
                            low <= score && score < high
                        });
                        assert!(found, "{centre:?} {radius} {point:?}");
                    }
                }
            }
        }
    }
}
