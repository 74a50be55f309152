//! Role records: who may log in, with what, and what they may do; one set for all languages.
//!
//! ```text
//! DATA  app 0, element 0x02 NAME  ->  vertex: role record
//! record  version u8 = 1 | attributes u16 LE | connection limit i32 LE (-1: none) | valid until i64 LE us (max: for ever)
//!         verifier u8 (0 none, 1 SCRAM-SHA-256), if 1: iterations u32 LE, salt blob, stored key [32], server key [32]
//!         n varint x SHA-256 of a password [32]     RESP's `#hash` credentials
//!         n varint x (role text, options u8)        memberships
//!         n varint x (object kind u8, object text, privileges u32 LE, with grant option u32 LE)
//!         n varint x rule text                      RESP's command and key rules, in their order
//! blob, text = varint length, bytes
//! ```

use crate::codec::{Builder, Reader};

/// What a role may do as a whole; bits of [`Role::attributes`].
pub mod attribute {
    /// Passes every check.
    pub const SUPERUSER: u16 = 1;
    /// May log in.
    pub const LOGIN: u16 = 2;
    /// May make roles.
    pub const CREATE_ROLE: u16 = 4;
    /// May make databases and keyspaces.
    pub const CREATE_DATABASE: u16 = 8;
    /// Has the privileges of the roles it belongs to.
    pub const INHERIT: u16 = 16;
    /// Needs no password over RESP (`nopass`).
    pub const NO_PASSWORD: u16 = 32;
    /// Sees rows whatever their policies.
    pub const BYPASS_POLICIES: u16 = 64;
}

/// A SCRAM-SHA-256 verifier (RFC 5802, RFC 7677): proves a password without holding it.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// Salt.
    pub salt: Vec<u8>,
    /// SHA-256 of the client key.
    pub stored_key: [u8; 32],
    /// Key with which the server proves itself.
    pub server_key: [u8; 32],
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys do not belong in logs.
        write!(f, "Verifier({} iterations)", self.iterations)
    }
}

/// Privileges on one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The kind of object, as in the catalog.
    pub object_kind: u8,
    /// Its qualified name.
    pub object: String,
    /// Privileges, by bit.
    pub privileges: u32,
    /// Those of them that may be passed on.
    pub grantable: u32,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Bits of [`attribute`].
    pub attributes: u16,
    /// Connections at a time; -1: any number.
    pub connection_limit: i32,
    /// Microseconds since 1970 at which the password ends; `i64::MAX`: never.
    pub valid_until: i64,
    /// The password.
    pub verifier: Option<Verifier>,
    /// SHA-256 of further passwords, RESP only.
    pub hashes: Vec<[u8; 32]>,
    /// Roles it belongs to, and membership options by bit (1 admin, 2 inherit, 4 set).
    pub memberships: Vec<(String, u8)>,
    /// What it was granted.
    pub grants: Vec<Grant>,
    /// RESP's rules (`~key`, `+command`, `&channel`), in the order given.
    pub rules: Vec<String>,
}

const VERSION: u8 = 1;

impl Role {
    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Builder(vec![VERSION]);
        out.bytes(&self.attributes.to_le_bytes())
            .bytes(&self.connection_limit.to_le_bytes())
            .bytes(&self.valid_until.to_le_bytes());
        match &self.verifier {
            None => out.bytes(&[0]),
            Some(verifier) => out
                .bytes(&[1])
                .bytes(&verifier.iterations.to_le_bytes())
                .blob(&verifier.salt)
                .bytes(&verifier.stored_key)
                .bytes(&verifier.server_key),
        };
        out.varint(self.hashes.len() as u64);
        for hash in &self.hashes {
            out.bytes(hash);
        }
        out.varint(self.memberships.len() as u64);
        for (role, options) in &self.memberships {
            out.blob(role.as_bytes()).bytes(&[*options]);
        }
        out.varint(self.grants.len() as u64);
        for grant in &self.grants {
            out.bytes(&[grant.object_kind])
                .blob(grant.object.as_bytes())
                .bytes(&grant.privileges.to_le_bytes())
                .bytes(&grant.grantable.to_le_bytes());
        }
        out.varint(self.rules.len() as u64);
        for rule in &self.rules {
            out.blob(rule.as_bytes());
        }
        out.0
    }

    /// Back from [`Role::encode`]; `None` if malformed.
    pub fn decode(bytes: &[u8]) -> Option<Role> {
        let mut reader = Reader(bytes);
        let r = &mut reader;
        if r.byte()? != VERSION {
            return None;
        }
        let role = Role {
            attributes: u16::from_le_bytes(r.array()?),
            connection_limit: i32::from_le_bytes(r.array()?),
            valid_until: i64::from_le_bytes(r.array()?),
            verifier: match r.byte()? {
                0 => None,
                1 => Some(Verifier {
                    iterations: u32::from_le_bytes(r.array()?),
                    salt: r.blob()?.to_vec(),
                    stored_key: r.array()?,
                    server_key: r.array()?,
                }),
                _ => return None,
            },
            hashes: list(r, Reader::array)?,
            memberships: list(r, |r| Some((r.text()?, r.byte()?)))?,
            grants: list(r, |r| {
                Some(Grant {
                    object_kind: r.byte()?,
                    object: r.text()?,
                    privileges: u32::from_le_bytes(r.array()?),
                    grantable: u32::from_le_bytes(r.array()?),
                })
            })?,
            rules: list(r, Reader::text)?,
        };
        reader.end(role)
    }
}

fn list<'a, T>(
    reader: &mut Reader<'a>,
    mut item: impl FnMut(&mut Reader<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let count = reader.count()?;
    (0..count).map(|_| item(reader)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn role() -> Role {
        Role {
            attributes: attribute::LOGIN | attribute::INHERIT,
            connection_limit: -1,
            valid_until: i64::MAX,
            verifier: Some(Verifier {
                iterations: 4096,
                salt: vec![7; 16],
                stored_key: [1; 32],
                server_key: [2; 32],
            }),
            hashes: vec![[3; 32]],
            memberships: vec![("staff".into(), 2)],
            grants: vec![Grant {
                object_kind: 1,
                object: "shop.orders".into(),
                privileges: 0b101,
                grantable: 1,
            }],
            rules: vec!["~user:*".into(), "+@read".into()],
        }
    }

    #[test]
    fn comes_back_and_hides_its_keys() {
        let bytes = role().encode();
        assert_eq!(Role::decode(&bytes), Some(role()));
        for len in 0..bytes.len() {
            assert_eq!(Role::decode(&bytes[..len]), None);
        }
        assert!(format!("{:?}", role()).contains("Verifier(4096 iterations)"));
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_refused_or_is_the_one_encoding(at in 0usize..200, byte: u8) {
            let mut bytes = role().encode();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Some(role) = Role::decode(&bytes) {
                prop_assert_eq!(role.encode(), bytes);
            }
        }
    }
}
