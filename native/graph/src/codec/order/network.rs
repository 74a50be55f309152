//! Network addresses in keys.
//!
//! ```text
//! inet, cidr   family 4 or 6 | address with the bits behind the prefix cleared | prefix length u8 | address
//! macaddr      its 6 bytes
//! ```
//! **Theory.** PostgreSQL compares the shorter prefix's bits first, then prefix lengths, then whole addresses
//! (network_cmp). A cleared address differs from another with the same leading bits only where the longer prefix has ones,
//! and then it is the smaller; else the lengths decide: the same order. IPv4 is before IPv6 in every language.

/// The stored form: family, prefix length, address. `None` if malformed.
fn parts(stored: &[u8]) -> Option<(u8, u8, &[u8])> {
    let [family, prefix, address @ ..] = stored else {
        return None;
    };
    let len = address_len(*family)?;
    (address.len() == len && usize::from(*prefix) <= 8 * len).then_some((*family, *prefix, address))
}

fn address_len(family: u8) -> Option<usize> {
    match family {
        4 => Some(4),
        6 => Some(16),
        _ => None,
    }
}

fn cleared(address: &[u8], prefix: u8) -> impl Iterator<Item = u8> + '_ {
    address.iter().enumerate().map(move |(i, byte)| {
        let bits = usize::from(prefix).saturating_sub(8 * i).min(8);
        byte & !(0xff_u32 >> bits) as u8
    })
}

/// An address from its stored form; `None` if malformed.
pub fn encode_inet(stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (family, prefix, address) = parts(stored)?;
    out.push(family);
    out.extend(cleared(address, prefix));
    out.push(prefix);
    out.extend_from_slice(address);
    Some(())
}

/// Back from [`encode_inet`]: the stored form, with the bytes it took.
pub fn decode_inet(key: &[u8]) -> Option<(Vec<u8>, usize)> {
    let len = address_len(*key.first()?)?;
    let used = 2 + 2 * len;
    let key = key.get(..used)?;
    let stored = [&[key[0], key[1 + len]], &key[2 + len..]].concat();
    let mut again = Vec::with_capacity(used);
    encode_inet(&stored, &mut again)?;
    (again == key).then_some((stored, used))
}
