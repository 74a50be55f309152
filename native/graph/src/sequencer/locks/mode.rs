//! Lock modes and which of them exclude each other: one table, read both ways.
//!
//! Row modes are PostgreSQL's four (manual, 13.3.2) and `Increment`, the escrow mode for commutative counts
//! (O'Neil, "The escrow transactional method", TODS 1986): holders of it do not exclude each other, but nobody
//! may read-then-write the record while one is there. Table modes are the four of PostgreSQL's eight that a
//! store without autovacuum needs.

/// In which way a row or table is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LockMode {
    /// Row: its key must not change or go; what a foreign key takes on the parent.
    KeyShare = 0,
    /// Row: it must not change.
    Share = 1,
    /// Row: will be changed, but not its key.
    NoKeyUpdate = 2,
    /// Row: will be removed or change its key.
    Update = 3,
    /// Row: a count in it will be added to.
    Increment = 4,
    /// Table: is being read.
    AccessShare = 5,
    /// Table: rows of it are being written.
    RowExclusive = 6,
    /// Table: must not be written; what an index build takes.
    TableShare = 7,
    /// Table: is being altered or dropped.
    AccessExclusive = 8,
}

use LockMode::{
    AccessExclusive, AccessShare, Increment, KeyShare, NoKeyUpdate, RowExclusive, Share,
    TableShare, Update,
};

const fn set(modes: &[LockMode]) -> u16 {
    let mut mask = 0;
    let mut i = 0;
    while i < modes.len() {
        mask |= 1 << modes[i] as u16;
        i += 1;
    }
    mask
}

/// By mode: the modes it excludes.
const EXCLUDES: [u16; 9] = [
    set(&[Update]),
    set(&[NoKeyUpdate, Update, Increment]),
    set(&[Share, NoKeyUpdate, Update, Increment]),
    set(&[KeyShare, Share, NoKeyUpdate, Update, Increment]),
    set(&[Share, NoKeyUpdate, Update]),
    set(&[AccessExclusive]),
    set(&[TableShare, AccessExclusive]),
    set(&[RowExclusive, AccessExclusive]),
    set(&[AccessShare, RowExclusive, TableShare, AccessExclusive]),
];

/// A set of modes, as one owner holds them on one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Modes(u16);

impl Modes {
    pub(super) fn one(mode: LockMode) -> Self {
        Self(set(&[mode]))
    }

    pub(super) fn add(&mut self, mode: LockMode) {
        self.0 |= set(&[mode]);
    }

    pub(super) fn drop_mode(&mut self, mode: LockMode) {
        self.0 &= !set(&[mode]);
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn excludes(self, mode: LockMode) -> bool {
        self.0 & EXCLUDES[mode as usize] != 0
    }

    /// Whether holding these already excludes everything that `mode` would.
    pub(super) fn covers(self, mode: LockMode) -> bool {
        let all = (0..EXCLUDES.len())
            .filter(|bit| self.0 & (1 << bit) != 0)
            .fold(0, |mask, bit| mask | EXCLUDES[bit]);
        EXCLUDES[mode as usize] & !all == 0 && !self.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [LockMode; 9] = [
        KeyShare,
        Share,
        NoKeyUpdate,
        Update,
        Increment,
        AccessShare,
        RowExclusive,
        TableShare,
        AccessExclusive,
    ];

    #[test]
    fn exclusion_is_symmetric_and_never_crosses_rows_and_tables() {
        for a in ALL {
            for b in ALL {
                assert_eq!(Modes::one(a).excludes(b), Modes::one(b).excludes(a));
                if (a as u8 <= Increment as u8) != (b as u8 <= Increment as u8) {
                    assert!(!Modes::one(a).excludes(b));
                }
            }
        }
    }

    #[test]
    fn row_modes_are_the_manual_s_table() {
        let conflicting: Vec<(LockMode, LockMode)> = [KeyShare, Share, NoKeyUpdate, Update]
            .into_iter()
            .flat_map(|a| {
                [KeyShare, Share, NoKeyUpdate, Update]
                    .into_iter()
                    .filter(move |b| *b as u8 >= a as u8)
                    .map(move |b| (a, b))
            })
            .filter(|(a, b)| Modes::one(*a).excludes(*b))
            .collect();
        assert_eq!(
            conflicting,
            [
                (KeyShare, Update),
                (Share, NoKeyUpdate),
                (Share, Update),
                (NoKeyUpdate, NoKeyUpdate),
                (NoKeyUpdate, Update),
                (Update, Update),
            ]
        );
    }

    #[test]
    fn stronger_modes_cover_weaker_ones() {
        for weaker in [KeyShare, Share, NoKeyUpdate, Increment] {
            assert!(Modes::one(Update).covers(weaker));
        }
        assert!(Modes::one(NoKeyUpdate).covers(Increment));
        assert!(!Modes::one(Share).covers(NoKeyUpdate));
        assert!(!Modes::one(Increment).covers(NoKeyUpdate));
        assert!(!Modes::default().covers(KeyShare));
    }
}
