//! Rows: what a leaf commits to, and how much of it a proof shows.
//!
//! **Theory.** A leaf commits to a salted digest of the value; of a packed row to a small hash tree by column (the shape of RFC 6962),
//! so that some columns can be shown and the others stay hidden. `docs/commitment.md`, Leaf. Sealing computes the same digests.

use super::error::{fail, Check, VerificationError};
use super::place::{parse, MEMBER};
use super::wire::{put_blob, put_number, put_varint, spend, Limits, Reader, LIMITS};
use crate::hash::{to_digest, Digest};
use crate::tree::leaf::{self, ColumnSalts, Salt};

const HAS_VALUE: u8 = 1;
const HAS_STAMP: u8 = 2;
const VARIABLE: u64 = 5;

/// Whether the entry of a logical key in an adds tree is a packed row, whose digest is a field tree.
pub fn is_packed(key: &[u8], adds: bool) -> bool {
    adds && matches!(parse(key), Ok(parsed) if parsed.space == MEMBER && parsed.cid.is_some_and(|cid| cid % 4 == 2))
}

/// The value digest of an entry's leaf.
///
/// # Errors
/// A value that should be a packed row and is none.
pub fn value_digest(
    key: &[u8],
    value: &[u8],
    salt: &Salt,
    adds: bool,
) -> Result<Digest, VerificationError> {
    if !is_packed(key, adds) {
        return Ok(leaf::value_digest(salt, value));
    }
    let mut left = LIMITS.columns;
    let leaves = packed_leaves(value, salt, &mut left)?;
    let leaves: Vec<Digest> = leaves.into_iter().map(|(_, leaf, _)| leaf).collect();
    Ok(row_digest(leaves.len(), &|at| leaves[at]))
}

/// When a cell or a row was written (us), until when it holds (s).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Microseconds.
    pub timestamp: i64,
    /// Time to live in seconds, and the second at which it ends.
    pub ttl: Option<(u32, i64)>,
}

/// A column that a proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its id; 0 is the row itself, which has only a stamp.
    pub id: u32,
    /// Its stored value; `None` is null.
    pub value: Option<Vec<u8>>,
    /// Its stamp, if one was written.
    pub stamp: Option<Stamp>,
}

/// A row as a bundle claims it: true once its leaf's opening was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Logical key.
    pub key: Vec<u8>,
    /// Commit that wrote it.
    pub version: u64,
    /// Bytes of key and value.
    pub size: u64,
    /// The value whole, if it is shown.
    pub value: Option<Vec<u8>>,
    /// Of rows of tables and partitions: the columns shown.
    pub columns: Vec<Column>,
    /// Its leaf's value digest.
    pub digest: Digest,
    form: Form,
}

/// How many forms there are: a row begins with its key's length times this, plus its form.
const FORMS: u64 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain = 0,
    Packed = 1,
    Columns = 2,
    Digest = 3,
}

/// How much a proof shows of rows that answer a query; headers of collections are always whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// Everything.
    #[default]
    Whole,
    /// That they are there, and which version.
    Digests,
    /// Of packed rows these columns (0: the row's stamp); other entries whole.
    Columns(Vec<u32>),
}

impl Row {
    pub(crate) fn check_form(&self, adds: bool) -> Result<(), VerificationError> {
        let packed = is_packed(&self.key, adds);
        if self.form != Form::Digest && packed != matches!(self.form, Form::Packed | Form::Columns)
        {
            return fail(Check::Row, "the row's form is not that of its place");
        }
        Ok(())
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Row, VerificationError> {
        spend(&mut reader.left.rows, 1, "rows")?;
        let head = reader.number()?;
        let key = match usize::try_from(head / FORMS) {
            Ok(len) => reader.take(len)?.to_vec(),
            Err(_) => return fail(Check::Format, "a key that is too long"),
        };
        let version = reader.number()?;
        let mut row = Row {
            size: key.len() as u64,
            key,
            version,
            value: None,
            columns: Vec::new(),
            digest: [0; 32],
            form: Form::Plain,
        };
        match head % FORMS {
            0 => {
                let (value, salt) = (reader.blob()?, reader.array::<16>()?);
                row.digest = to_digest("hyperdb/value", &[&salt, value]);
                row.size += value.len() as u64;
                row.value = Some(value.to_vec());
            }
            1 => {
                row.form = Form::Packed;
                let (value, salt) = (reader.blob()?, reader.array()?);
                let leaves = packed_leaves(value, &salt, &mut reader.left.columns)?;
                row.digest = row_digest(leaves.len(), &|at| leaves[at].1);
                row.size += value.len() as u64;
                row.value = Some(value.to_vec());
                row.columns = leaves
                    .iter()
                    .map(|(id, _, content)| read_content(*id, content))
                    .collect::<Result<_, _>>()?;
            }
            2 => row.read_columns(reader)?,
            _ => {
                row.form = Form::Digest;
                let size = reader.number()?;
                if size < row.size {
                    return fail(Check::Row, "a leaf of less bytes than its key has");
                }
                row.size = size;
                row.digest = reader.array()?;
            }
        }
        Ok(row)
    }

    fn read_columns(&mut self, reader: &mut Reader<'_>) -> Result<(), VerificationError> {
        self.form = Form::Columns;
        self.size = reader.number()?;
        let (count, shown) = (reader.count()?, reader.count()?);
        spend(&mut reader.left.columns, shown, "columns")?;
        if shown == 0 || shown > count || count > u32::MAX as usize {
            return fail(Check::Format, format!("{shown} of {count} columns"));
        }
        let mut leaves: Vec<(usize, Digest)> = Vec::new();
        let mut next = 0usize;
        let mut last: Option<u32> = None;
        for _ in 0..shown {
            let index = next.saturating_add(reader.count()?);
            let id = u32::try_from(reader.varint()?).ok();
            let (salt, content) = (reader.array()?, reader.blob()?);
            let Some(id) = id.filter(|id| {
                index < count && last.is_none_or(|last| last < *id) && (index == 0) == (*id == 0)
            }) else {
                return fail(Check::Format, "columns do not ascend");
            };
            leaves.push((index, column_leaf(id, &salt, content)));
            self.columns.push(read_content(id, content)?);
            last = Some(id);
            next = index + 1;
        }
        self.digest = finish(count, pruned_root(&leaves, 0, count, reader)?);
        Ok(())
    }
}

/// The bytes of a claimed row; a verifier's columns are spent as it will.
pub(crate) fn encode_row(
    (key, value, version): (&[u8], &[u8], u64),
    salt: &Salt,
    adds: bool,
    show: &Show,
    columns_left: &mut usize,
) -> Result<Vec<u8>, VerificationError> {
    // Numbers, salt, digest.
    let mut out = Vec::with_capacity(key.len() + value.len() + 64);
    let size = (key.len() + value.len()) as u64;
    let mut begin = |form: Form| {
        put_number(&mut out, key.len() as u64 * FORMS + form as u64);
        out.extend_from_slice(key);
        put_number(&mut out, version);
    };
    match show {
        Show::Digests => {
            begin(Form::Digest);
            put_number(&mut out, size);
            out.extend(value_digest(key, value, salt, adds)?);
        }
        Show::Columns(columns) if is_packed(key, adds) => {
            begin(Form::Columns);
            put_number(&mut out, size);
            let leaves = packed_leaves(value, salt, &mut LIMITS.columns.clone())?;
            put_varint(&mut out, leaves.len() as u64);
            let shown: Vec<usize> = (0..leaves.len())
                .filter(|at| columns.contains(&leaves[*at].0))
                .collect();
            if shown.is_empty() {
                return fail(Check::Row, "the row has none of these columns");
            }
            put_varint(&mut out, shown.len() as u64);
            spend(columns_left, shown.len(), "columns")?;
            let salts = ColumnSalts::of(salt);
            let mut next = 0;
            for at in &shown {
                let (id, _, content) = &leaves[*at];
                put_varint(&mut out, (at - next) as u64);
                put_varint(&mut out, u64::from(*id));
                out.extend(salts.salt(*id));
                put_blob(&mut out, content);
                next = at + 1;
            }
            let digests: Vec<Digest> = leaves.iter().map(|leaf| leaf.1).collect();
            hidden(&digests, 0, &shown, &mut out);
        }
        _ => {
            let packed = is_packed(key, adds);
            if packed {
                spend(columns_left, packed_count(value)?, "columns")?;
            }
            begin(if packed { Form::Packed } else { Form::Plain });
            put_blob(&mut out, value);
            out.extend(salt);
        }
    }
    Ok(out)
}

fn column_leaf(id: u32, salt: &Salt, content: &[u8]) -> Digest {
    to_digest("hyperdb/column", &[&id.to_le_bytes(), salt, content])
}

fn finish(count: usize, root: Digest) -> Digest {
    to_digest("hyperdb/row", &[&(count as u32).to_le_bytes(), &root])
}

fn row_digest(count: usize, leaf: &dyn Fn(usize) -> Digest) -> Digest {
    finish(count, subtree(0, count, leaf))
}

/// Leaves of the left subtree: the largest power of two below `width`.
fn split(width: usize) -> usize {
    width.next_power_of_two() / 2
}

fn subtree(first: usize, width: usize, leaf: &dyn Fn(usize) -> Digest) -> Digest {
    if width <= 1 {
        return leaf(first);
    }
    let left = split(width);
    to_digest(
        "hyperdb/fields",
        &[
            &subtree(first, left, leaf),
            &subtree(first + left, width - left, leaf),
        ],
    )
}

fn hidden(leaves: &[Digest], first: usize, shown: &[usize], out: &mut Vec<u8>) {
    let inside = shown
        .iter()
        .any(|at| (first..first + leaves.len()).contains(at));
    if !inside {
        return out.extend(subtree(0, leaves.len(), &|at| leaves[at]));
    }
    if leaves.len() > 1 {
        let (left, right) = leaves.split_at(split(leaves.len()));
        hidden(left, first, shown, out);
        hidden(right, first + left.len(), shown, out);
    }
}

/// The root over `width` leaves from those shown (ascending) and the digests that follow in the bundle.
fn pruned_root(
    shown: &[(usize, Digest)],
    first: usize,
    width: usize,
    reader: &mut Reader<'_>,
) -> Result<Digest, VerificationError> {
    if shown.is_empty() {
        return reader.array();
    }
    if width == 1 {
        return Ok(shown[0].1);
    }
    let left = split(width);
    let (before, behind) = shown.split_at(shown.partition_point(|(at, _)| *at < first + left));
    let left_root = pruned_root(before, first, left, reader)?;
    let right_root = pruned_root(behind, first + left, width - left, reader)?;
    Ok(to_digest("hyperdb/fields", &[&left_root, &right_root]))
}

fn read_content(id: u32, content: &[u8]) -> Result<Column, VerificationError> {
    let mut reader = Reader::new(content, LIMITS);
    let head = reader.u8().unwrap_or(0xff);
    if head > HAS_VALUE | HAS_STAMP || (id == 0 && head & HAS_VALUE != 0) {
        return fail(Check::Row, format!("column {id} has an unknown head"));
    }
    let stamp = match head & HAS_STAMP {
        0 => None,
        _ => Some(read_stamp(&mut reader)?),
    };
    if head & HAS_VALUE == 0 && !reader.rest().is_empty() {
        return fail(Check::Row, format!("column {id} is null and has a value"));
    }
    Ok(Column {
        id,
        value: (head & HAS_VALUE != 0).then(|| reader.rest().to_vec()),
        stamp,
    })
}

fn read_stamp(reader: &mut Reader<'_>) -> Result<Stamp, VerificationError> {
    let malformed = |_| VerificationError::new(Check::Row, "a malformed stamp");
    let kind = reader.u8().map_err(malformed)?;
    let timestamp = i64::from_le_bytes(reader.array().map_err(malformed)?);
    let ttl = match kind {
        0 => None,
        1 => Some((
            u32::from_le_bytes(reader.array().map_err(malformed)?),
            i64::from_le_bytes(reader.array().map_err(malformed)?),
        )),
        _ => return fail(Check::Row, "a malformed stamp"),
    };
    Ok(Stamp { timestamp, ttl })
}

/// Column ids, leaves and contents of a packed row (`docs/file-format.md`); the first is the row itself, with id 0.
#[allow(clippy::type_complexity)]
fn packed_leaves(
    value: &[u8],
    salt: &Salt,
    columns: &mut usize,
) -> Result<Vec<(u32, Digest, Vec<u8>)>, VerificationError> {
    let contents = packed_contents(value, columns)?;
    let salts = ColumnSalts::of(salt);
    let leaf =
        |(id, content): (u32, Vec<u8>)| (id, column_leaf(id, &salts.salt(id), &content), content);
    Ok(contents.into_iter().map(leaf).collect())
}

/// Leaves of a packed row: one for each column, and one for the row.
fn packed_count(value: &[u8]) -> Result<usize, VerificationError> {
    let mut row = Reader::new(value, Limits { size: 0, ..LIMITS });
    row.u8()?;
    Ok(row.count()?.saturating_add(1))
}

fn packed_contents(
    value: &[u8],
    columns: &mut usize,
) -> Result<Vec<(u32, Vec<u8>)>, VerificationError> {
    let mut row = Reader::new(value, Limits { size: 0, ..LIMITS });
    let (flags, count) = (row.u8()?, row.count()?);
    spend(columns, count.saturating_add(1), "columns")?;
    if flags > 1 {
        return fail(Check::Row, "a packed row with unknown flags");
    }
    let mut described: Vec<(u32, u64)> = Vec::new();
    let mut last = 0u32;
    for _ in 0..count {
        let descriptor = row.varint()?;
        let id = u32::try_from(descriptor / 8)
            .ok()
            .filter(|step| *step > 0)
            .and_then(|step| last.checked_add(step));
        match id {
            Some(id) if descriptor % 8 <= VARIABLE => {
                last = id;
                described.push((id, descriptor % 8));
            }
            _ => {
                return fail(
                    Check::Row,
                    "a packed row's columns do not ascend, or have an unknown width",
                )
            }
        }
    }
    let bitmap = row.take(count.div_ceil(8))?;
    let null = |at: usize| bitmap[at / 8] >> (at % 8) & 1 == 1;
    if (count..8 * bitmap.len()).any(null) {
        return fail(Check::Row, "nulls behind the last column");
    }
    let mut values: Vec<Option<&[u8]>> = vec![None; count];
    for (at, (_, width)) in described.iter().enumerate() {
        if *width != VARIABLE && !null(at) {
            values[at] = Some(row.take(1 << width)?);
        }
    }
    let mut lengths = Vec::new();
    for (at, (_, width)) in described.iter().enumerate() {
        if *width == VARIABLE && !null(at) {
            lengths.push((at, row.count()?));
        }
    }
    for (at, length) in lengths {
        values[at] = Some(row.take(length)?);
    }
    let mut stamps: Vec<&[u8]> = vec![&[]; count + 1];
    if flags == 1 {
        packed_stamps(&mut row, &mut stamps)?;
    }
    row.end()?;
    let content = |stamp: &[u8], value: Option<&[u8]>| {
        let head = u8::from(value.is_some()) * HAS_VALUE + u8::from(!stamp.is_empty()) * HAS_STAMP;
        [&[head], stamp, value.unwrap_or(&[])].concat()
    };
    let mut contents = vec![(0, content(stamps[0], None))];
    for (at, (id, _)) in described.iter().enumerate() {
        contents.push((*id, content(stamps[at + 1], values[at])));
    }
    Ok(contents)
}

fn packed_stamps<'a>(
    row: &mut Reader<'a>,
    stamps: &mut [&'a [u8]],
) -> Result<(), VerificationError> {
    let mut next = 0;
    for _ in 0..row.count()? {
        let place = row.count()?;
        if place < next || place >= stamps.len() {
            return fail(Check::Row, "a packed row's stamps do not ascend");
        }
        let before = row.rest();
        read_stamp(row)?;
        stamps[place] = &before[..before.len() - row.rest().len()];
        next = place + 1;
    }
    if next == 0 {
        return fail(
            Check::Row,
            "a packed row that is flagged for stamps has none",
        );
    }
    Ok(())
}
