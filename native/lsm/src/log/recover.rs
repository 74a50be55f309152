//! Reading the log back after a stop or a crash.
//!
//! **Theory.** Commits are numbered without gaps, so the log is valid up to the first place where the next number is
//! missing. Whether that place is the torn end of what nobody was promised, or damage, is told by what lies
//! behind it: see [`super::record`].
//!
//! **Invariant.** Either every synced commit is replayed, or an error names the file and the offset.

use super::record::{read_record, read_segment_header, SEGMENT_HEADER};
use super::{segment_name, segment_number, SegmentInfo};
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::types::Commit;
use std::path::Path;

/// What the log held.
pub(crate) struct Recovered {
    /// The newest commit in it, or `flushed` if there is none above.
    pub(crate) last: Commit,
    /// Number that a new segment may take.
    pub(crate) next_segment: u64,
    /// Segments that hold commits above `flushed`.
    pub(crate) segments: Vec<SegmentInfo>,
}

/// Takes a commit: its number and payload, and where the record lies, for the error message.
pub(crate) type Apply<'a> = &'a mut dyn FnMut(Commit, &[u8], &Path, u64) -> Result<()>;

/// Replays all commits above `flushed` in order. With `repair`, cuts the torn end off and removes segments that
/// are not needed.
pub(crate) fn recover(
    fs: &dyn FileSystem,
    dir: &Path,
    flushed: Commit,
    promised: Commit,
    repair: bool,
    apply: Apply<'_>,
) -> Result<Recovered> {
    let mut numbers: Vec<u64> = fs
        .list(dir)?
        .iter()
        .filter_map(|name| segment_number(name))
        .collect();
    numbers.sort_unstable();
    let next_segment = numbers.last().map_or(1, |number| number + 1);
    let mut last: Option<Commit> = None;
    let mut segments = Vec::new();
    let mut useless = Vec::new();
    let mut torn: Option<Hole> = None;
    for number in numbers {
        let path = dir.join(segment_name(number));
        let bytes = fs.read_all(&path)?;
        let header = read_segment_header(&bytes, number);
        let first = header
            .and_then(|_| read_record(&bytes, SEGMENT_HEADER, number))
            .map(|record| record.commit);
        if let Some(hole) = torn.take() {
            // The next number at the start of a segment closes the hole: the log went on there.
            if first != Some(hole.missing) {
                if let Some(synced) = evidence(&bytes, number, hole.missing) {
                    return Err(hole.corrupt(synced));
                }
                useless.push(path);
                torn = Some(hole);
                continue;
            }
        }
        let mut at = SEGMENT_HEADER;
        let before = last;
        if header.is_some() {
            while let Some(record) = read_record(&bytes, at, number) {
                let expected = last.map_or(record.commit, |last| last + 1);
                if record.commit != expected || (last.is_none() && record.commit > flushed + 1) {
                    return Err(Error::Corrupt {
                        path,
                        offset: at as u64,
                        what: format!(
                            "commit {} where {} was expected: an earlier part of the log is missing",
                            record.commit,
                            last.unwrap_or(flushed) + 1
                        ),
                    });
                }
                if record.commit > flushed {
                    apply(record.commit, record.payload, &path, at as u64)?;
                }
                last = Some(record.commit);
                at = record.end;
            }
        } else {
            at = 0;
        }
        let mut hole = Hole {
            path: path.clone(),
            offset: at as u64,
            missing: last.unwrap_or(flushed) + 1,
        };
        if let Some(synced) = evidence(&bytes[at.min(bytes.len())..], number, hole.missing) {
            return Err(hole.corrupt(synced));
        }
        // Segments of flushed commits are removed without waiting for the disk, so any of them may be back, with
        // gaps between: what must follow without a gap begins behind `flushed`.
        hole.missing = hole.missing.max(flushed + 1);
        torn = Some(hole);
        if last == before || last <= Some(flushed) {
            last = last.filter(|&last| last > flushed);
            useless.push(path);
            continue;
        }
        if repair {
            let file = fs.open_log(&path)?;
            if bytes.len() > at {
                file.set_len(at as u64)?;
            }
            // What a killed process wrote may still be in the system's cache only; from here on it counts as durable.
            file.sync()?;
        }
        segments.push(SegmentInfo {
            number,
            last: last.unwrap_or(0),
            bytes: at as u64,
        });
    }
    let last = last.unwrap_or(flushed).max(flushed);
    if last < promised {
        let hole = torn.unwrap_or(Hole {
            path: dir.join(segment_name(next_segment)),
            offset: 0,
            missing: last + 1,
        });
        return Err(hole.corrupt(promised));
    }
    if repair && !useless.is_empty() {
        for path in &useless {
            fs.remove(path)?;
        }
        fs.sync_dir(dir)?;
    }
    Ok(Recovered {
        last,
        next_segment,
        segments,
    })
}

/// The first place where the next commit is not.
struct Hole {
    path: std::path::PathBuf,
    offset: u64,
    missing: Commit,
}

impl Hole {
    fn corrupt(&self, synced: Commit) -> Error {
        Error::Corrupt {
            path: self.path.clone(),
            offset: self.offset,
            what: format!(
                "commit {} cannot be read, but everything up to commit {synced} was on the disk",
                self.missing
            ),
        }
    }
}

/// Whether something in `bytes` says that commit `missing` had been synced; up to which commit.
fn evidence(bytes: &[u8], number: u64, missing: Commit) -> Option<Commit> {
    if let Some(synced) = read_segment_header(bytes, number) {
        if synced >= missing {
            return Some(synced);
        }
    }
    let mut at = 0;
    while at + 8 <= bytes.len() {
        if bytes[at..at + 8] == [0; 8] {
            at += 8;
            continue;
        }
        match read_record(bytes, at, number) {
            Some(record) if record.synced >= missing => return Some(record.synced),
            Some(record) => at = record.end,
            None => at += 8,
        }
    }
    None
}
