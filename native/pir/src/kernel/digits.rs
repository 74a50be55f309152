//! Numbers as signed digits, the digits of four columns side by side.

use super::WORDS;

/// Numbers of a group of four columns.
pub(crate) type Group = [u32; 4];
/// What stands for them. See [`pairs`] and [`bytes`].
pub(crate) type Words = [u32; WORDS];

/// Two signed digits of 16 bits: low digits of columns 0 and 2, of columns 1 and 3, then the high digits likewise. The columns with
/// even numbers are the even bytes of a lane, which vectors reach by a mask.
pub(crate) fn pairs(numbers: Group) -> Words {
    let low = numbers.map(|number| number & 0xffff);
    // A low digit is negative when its highest bit is set; the high digit makes up for it.
    let high = numbers.map(|number| number.wrapping_add(0x8000) >> 16);
    let side_by_side = |digits: Group, first: usize| digits[first] | digits[first + 2] << 16;
    [
        side_by_side(low, 0),
        side_by_side(low, 1),
        side_by_side(high, 0),
        side_by_side(high, 1),
    ]
}

/// Four signed digits of 8 bits: word k is digit k of each of the four columns.
pub(crate) fn bytes(numbers: Group) -> Words {
    // With 128 added at each place, digits become those of an unsigned number, each 128 too large: flipping its top bit takes that off.
    let shifted =
        numbers.map(|number| (number.wrapping_add(0x8080_8080) ^ 0x8080_8080).to_le_bytes());
    std::array::from_fn(|digit| u32::from_le_bytes(shifted.map(|digits| digits[digit])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signed(value: u32, bits: u32) -> u32 {
        // From `bits` bits to 32, with its sign.
        ((value << (32 - bits)) as i32 >> (32 - bits)) as u32
    }

    proptest! {
        #[test]
        fn digits_make_the_number(numbers: Group) {
            let [even_low, odd_low, even_high, odd_high] = pairs(numbers);
            let planes = bytes(numbers);
            for (column, &number) in numbers.iter().enumerate() {
                let (low, high) = if column % 2 == 0 { (even_low, even_high) } else { (odd_low, odd_high) };
                let at = |word: u32| signed(word >> (16 * (column / 2)) & 0xffff, 16);
                prop_assert_eq!(at(low).wrapping_add(at(high) << 16), number);
                let digits = planes.map(|plane| signed(plane >> (8 * column) & 0xff, 8));
                let sum = digits.iter().rev().fold(0u32, |sum, &digit| (sum << 8).wrapping_add(digit));
                prop_assert_eq!(sum, number);
            }
        }
    }
}
