//! What modules keep: passed over, and named.
//!
//! ```text
//! id       nine characters of six bits, a version of ten
//! value    id, then parts: a number that says which (1 signed, 2 unsigned, 3 float, 4 double, 5 string, 0 the end) and what it is
//! ```

use super::super::read::Input;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CHARACTERS: u32 = 9;

/// The name and the version in a module's id.
pub(super) fn name(id: u64) -> String {
    let letter = |place: u32| {
        let bits = id >> (10 + 6 * (CHARACTERS - 1 - place));
        char::from(LETTERS[(bits & 0x3f) as usize])
    };
    let name: String = (0..CHARACTERS).map(letter).collect();
    format!("{name} (encoding version {})", id & 0x3ff)
}

/// Passes over a value whose id was read.
pub(super) fn pass(input: &mut Input<'_>) -> Option<()> {
    loop {
        match input.number()? {
            0 => return Some(()),
            1 | 2 => {
                input.number()?;
            }
            3 => {
                input.take(4)?;
            }
            4 => {
                input.take(8)?;
            }
            5 => {
                input.text()?;
            }
            _ => return None,
        }
    }
}
