//! CRC-64 with Jones's polynomial, bits reflected, as RDB files have it.

/// 0xad93d23594c935a9 with its bits in reverse.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// What a byte does to the sum when so many others follow it: eight bytes are looked up at once.
const TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    tables[0] = table();
    let mut behind = 1;
    while behind < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[behind - 1][byte];
            tables[behind][byte] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
            byte += 1;
        }
        behind += 1;
    }
    tables
}

const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// The sum of some bytes.
pub(super) fn of(bytes: &[u8]) -> u64 {
    more(0, bytes)
}

/// The sum of bytes whose sum is `sum`, and more behind them.
pub(super) fn more(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(sum, |sum, word| {
        let mixed = (sum ^ u64::from_le_bytes(*word)).to_le_bytes();
        let parts = mixed.iter().zip(TABLES.iter().rev());
        parts.fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
    });
    rest.iter().fold(sum, |sum, byte| {
        TABLES[0][usize::from((sum as u8) ^ byte)] ^ (sum >> 8)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn check_value() {
        assert_eq!(super::of(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn pieces_sum_up_to_the_whole() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for cut in [0, 1, 7, 8, 9, 500, 999, 1000] {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(super::more(super::of(head), tail), super::of(&bytes));
        }
    }
}
