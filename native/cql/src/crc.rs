//! The two checks of the protocol's segments.
//!
//! Source: CQL binary protocol v5, section 2.2. CRC24 after Koopman (0x8BA585, written 0x1974F0B with all its bits) over the header's
//! bytes; CRC32 (IEEE 802.3) over four fixed bytes and the payload.

const CRC24_INITIAL: u32 = 0x0087_5060;
const CRC24_POLYNOMIAL: u32 = 0x0197_4f0b;
const CRC32_POLYNOMIAL: u32 = 0xedb8_8320;

/// Four tables, so that four bytes are taken at a time (Kounavis and Berry, "slicing").
static CRC32: [[u32; 256]; 4] = crc32_tables();

const fn crc32_tables() -> [[u32; 256]; 4] {
    let mut tables = [[0u32; 256]; 4];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (CRC32_POLYNOMIAL & 0u32.wrapping_sub(crc & 1));
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 4 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// Of a header of three bytes.
pub(crate) fn crc24(header: [u8; 3]) -> u32 {
    let mut crc = CRC24_INITIAL;
    for byte in header {
        crc ^= u32::from(byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= CRC24_POLYNOMIAL;
            }
        }
    }
    crc
}

fn update(mut crc: u32, data: &[u8]) -> u32 {
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        crc ^= word
            .iter()
            .rev()
            .fold(0, |all, byte| all << 8 | u32::from(*byte));
        let part = |table: usize, shift: u32| CRC32[table][(crc >> shift & 0xff) as usize];
        crc = part(3, 0) ^ part(2, 8) ^ part(1, 16) ^ part(0, 24);
    }
    for byte in words.remainder() {
        crc = (crc >> 8) ^ CRC32[0][((crc ^ u32::from(*byte)) & 0xff) as usize];
    }
    crc
}

/// Of a payload.
pub(crate) fn crc32(payload: &[u8]) -> u32 {
    !update(update(u32::MAX, &[0xfa, 0x2d, 0x55, 0xca]), payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_the_known_ones() {
        assert_eq!(!update(u32::MAX, b"123456789"), 0xcbf4_3926);
        assert_eq!(!update(u32::MAX, b""), 0);
        // As hyperdb/frontends/cql/protocol/segments.py computes them, which drivers accept.
        assert_eq!(crc24([0x00, 0x00, 0x02]), CRC24_OF_EMPTY);
        assert_eq!(crc24([0x10, 0x20, 0x03]), CRC24_OF_SOME);
        assert_eq!(crc32(b"HyperDB"), CRC32_OF_SOME);
    }

    const CRC24_OF_EMPTY: u32 = 0x00c4_366a;
    const CRC24_OF_SOME: u32 = 0x0085_48ce;
    const CRC32_OF_SOME: u32 = 0x9cba_cfc8;
}
