//! The end of a table file: its properties, and the fixed footer that finds them.
//!
//! ```text
//! properties: LEB128 numbers in the order of [`Properties`], then smallest and largest key, each after its length
//! footer:     properties offset u64 | their stored bytes u32 | format u32 | CRC32C u32 of all before | magic
//! ```

use super::varint;
use crate::types::{Commit, Family};

/// Number of this file format; another number is refused, not guessed at.
pub(crate) const FORMAT: u32 = 1;

/// Bytes of the footer.
pub(crate) const FOOTER: usize = 28;

const MAGIC: [u8; 8] = *b"HyperSST";

/// What is known of a table without reading its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Properties {
    /// The table's number, which is also in its name: a file under a wrong name is detected.
    pub(crate) id: u64,
    /// The family that all entries belong to.
    pub(crate) family: Family,
    /// Entries, removes and superseded versions included.
    pub(crate) entries: u64,
    /// Entries that are removes.
    pub(crate) removes: u64,
    /// Entries that have a newer version of their key in this table.
    pub(crate) superseded: u64,
    /// Once the horizon has reached this commit, every superseded entry here may be forgotten, and every
    /// remove that hides nothing deeper.
    pub(crate) settles: Commit,
    /// Bytes of keys and values.
    pub(crate) raw_bytes: u64,
    /// Oldest version of an entry.
    pub(crate) min_version: Commit,
    /// Newest version of an entry.
    pub(crate) max_version: Commit,
    /// Where the bloom filter begins, that is, where data blocks end.
    pub(crate) bloom_offset: u64,
    /// Its stored bytes.
    pub(crate) bloom_bytes: u64,
    /// Stored bytes of the index, which follows the filter.
    pub(crate) index_bytes: u64,
    /// Smallest key.
    pub(crate) smallest: Vec<u8>,
    /// Largest key.
    pub(crate) largest: Vec<u8>,
}

impl Properties {
    /// The stored form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in [
            self.id,
            u64::from(self.family.0),
            self.entries,
            self.removes,
            self.superseded,
            self.settles,
            self.raw_bytes,
            self.min_version,
            self.max_version,
            self.bloom_offset,
            self.bloom_bytes,
            self.index_bytes,
        ] {
            varint::put(&mut out, number);
        }
        for key in [&self.smallest, &self.largest] {
            varint::put(&mut out, key.len() as u64);
            out.extend_from_slice(key);
        }
        out
    }

    /// Reads [`Properties::encode`]'s bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut at = 0;
        let mut numbers = [0; 12];
        for number in &mut numbers {
            *number = varint::take(bytes, &mut at)?;
        }
        let mut key = || -> Option<Vec<u8>> {
            let len = usize::try_from(varint::take(bytes, &mut at)?).ok()?;
            let end = at.checked_add(len)?;
            let key = bytes.get(at..end)?.to_vec();
            at = end;
            Some(key)
        };
        let (smallest, largest) = (key()?, key()?);
        let [id, family, entries, removes, superseded, settles, raw_bytes, min_version, max_version, bloom_offset, bloom_bytes, index_bytes] =
            numbers;
        let family = Family(
            u8::try_from(family)
                .ok()
                .filter(|&f| usize::from(f) < Family::COUNT)?,
        );
        (at == bytes.len() && smallest <= largest && min_version <= max_version).then_some(Self {
            id,
            family,
            entries,
            removes,
            superseded,
            settles,
            raw_bytes,
            min_version,
            max_version,
            bloom_offset,
            bloom_bytes,
            index_bytes,
            smallest,
            largest,
        })
    }
}

/// The last bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    /// Where the sealed properties begin.
    pub(crate) properties_offset: u64,
    /// Their stored bytes.
    pub(crate) properties_bytes: u32,
}

impl Footer {
    /// The stored form.
    pub(crate) fn encode(&self) -> [u8; FOOTER] {
        let mut out = [0; FOOTER];
        out[..8].copy_from_slice(&self.properties_offset.to_le_bytes());
        out[8..12].copy_from_slice(&self.properties_bytes.to_le_bytes());
        out[12..16].copy_from_slice(&FORMAT.to_le_bytes());
        let crc = crc32c::crc32c(&out[..16]);
        out[16..20].copy_from_slice(&crc.to_le_bytes());
        out[20..].copy_from_slice(&MAGIC);
        out
    }

    /// Reads a footer; the error says what is wrong with it.
    pub(crate) fn decode(bytes: &[u8; FOOTER]) -> Result<Self, String> {
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if bytes[20..] != MAGIC {
            return Err("does not end like a table".into());
        }
        if crc32c::crc32c(&bytes[..16]) != number(16) {
            return Err("checksum of the footer does not match".into());
        }
        if number(12) != FORMAT {
            return Err(format!(
                "table format {} is not known here (this version reads {FORMAT})",
                number(12)
            ));
        }
        Ok(Self {
            properties_offset: u64::from(number(0)) | u64::from(number(4)) << 32,
            properties_bytes: number(8),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn properties() -> Properties {
        Properties {
            id: 7,
            family: Family::META,
            entries: 1 << 40,
            removes: 3,
            superseded: 2,
            settles: 99,
            raw_bytes: 12345,
            min_version: 5,
            max_version: 100,
            bloom_offset: 1 << 33,
            bloom_bytes: 41,
            index_bytes: 17,
            smallest: b"a".to_vec(),
            largest: vec![0xff; 300],
        }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(
            Properties::decode(&properties().encode()),
            Some(properties())
        );
        let footer = Footer {
            properties_offset: u64::MAX - 5,
            properties_bytes: 77,
        };
        assert_eq!(Footer::decode(&footer.encode()), Ok(footer));
    }

    #[test]
    fn every_flipped_bit_of_the_footer_is_detected() {
        let good = Footer {
            properties_offset: 4096,
            properties_bytes: 77,
        }
        .encode();
        for bit in 0..FOOTER * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Footer::decode(&bad).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_properties_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(read) = Properties::decode(&bytes) {
                prop_assert!(read.smallest <= read.largest);
            }
        }
    }
}
