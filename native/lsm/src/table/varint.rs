//! LEB128 integers: seven bits a byte, lowest first, the top bit says that more follow.

/// Appends `value`.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads one integer at `*at` and moves past it; `None` when the bytes end or it exceeds 64 bits.
#[inline(always)]
pub(crate) fn take(bytes: &[u8], at: &mut usize) -> Option<u64> {
    match bytes.get(*at..) {
        Some(&[first, ..]) if first < 0x80 => {
            *at += 1;
            Some(u64::from(first))
        }
        // The length of most values.
        Some(&[first, second, ..]) if second < 0x80 => {
            *at += 2;
            Some(u64::from(first & 0x7f) | u64::from(second) << 7)
        }
        _ => take_long(bytes, at),
    }
}

fn take_long(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reads_what_it_wrote(values in proptest::collection::vec(any::<u64>(), 0..20)) {
            let mut bytes = Vec::new();
            for &value in &values {
                put(&mut bytes, value >> (value % 64));
            }
            let mut at = 0;
            for &value in &values {
                prop_assert_eq!(take(&bytes, &mut at), Some(value >> (value % 64)));
            }
            prop_assert_eq!(at, bytes.len());
            prop_assert_eq!(take(&bytes, &mut at), None);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
            let mut at = 0;
            while take(&bytes, &mut at).is_some() {}
            prop_assert!(at <= bytes.len());
        }
    }
}
