//! Quotients of exact numbers, at the scale that PostgreSQL gives them.
//!
//! **Theory.** numeric.c, select_div_scale: sixteen significant digits at least, counted in groups of four, and no fewer behind
//! the point than either operand has; the last one is rounded half away from zero. Long division by pieces of
//! eighteen digits. `hyperdb/frontends/sql/functions/numbers.py` has the same for any length.

use super::columns::Exact;

/// Digits that a quotient has at least.
const LEAST_DIGITS: i64 = 16;
/// Digits of a group.
const GROUP: i64 = 4;
/// Digits behind the point that are computed here.
const MOST_SCALE: i64 = 60;
/// Of one step of the division.
const STEP: u32 = 18;

/// Place of the first group of four digits, counted from the point, and the group.
fn weight(number: Exact) -> (i64, u128) {
    let value = number.value.unsigned_abs();
    if value == 0 {
        return (0, 0);
    }
    let adjusted = i64::from(value.ilog10()) - i64::from(number.scale);
    let weight = adjusted.div_euclid(GROUP);
    // The digits of the number from its first one to the end of that group.
    let kept = u32::try_from(adjusted - weight * GROUP).unwrap_or(0);
    let cut = value.ilog10();
    let first = match cut.checked_sub(kept) {
        Some(dropped) => value / 10u128.pow(dropped),
        None => value * 10u128.pow(kept - cut),
    };
    (weight, first)
}

/// The digits of |left / right|, and how many of them are behind the point. `None`: by zero, or longer than is computed here.
pub(super) fn divide(left: Exact, right: Exact) -> Option<(Vec<u8>, usize)> {
    if right.value == 0 {
        return None;
    }
    let ((place, first), (under, second)) = (weight(left), weight(right));
    let quotient = place - under - i64::from(first <= second);
    let scale = (LEAST_DIGITS - quotient * GROUP)
        .max(left.scale.into())
        .max(right.scale.into())
        .max(0);
    if scale > MOST_SCALE {
        return None;
    }
    let raised = |value: i128, by: u32| value.unsigned_abs().checked_mul(10u128.checked_pow(by)?);
    let above = raised(left.value, right.scale.saturating_sub(left.scale))?;
    let below = raised(right.value, left.scale.saturating_sub(right.scale))?;
    let mut digits: Vec<u8> = Vec::with_capacity(64);
    push(above / below, 1, &mut digits);
    let mut rest = above % below;
    let mut missing = u32::try_from(scale).ok()?;
    while missing > 0 {
        let mut step = missing.min(STEP);
        let raised = loop {
            match rest.checked_mul(10u128.pow(step)) {
                Some(raised) => break raised,
                None => step = (step - 1 > 0).then_some(step - 1)?,
            }
        };
        push(raised / below, step as usize, &mut digits);
        rest = raised % below;
        missing -= step;
    }
    if rest >= below - rest {
        increment(&mut digits);
    }
    Some((digits, usize::try_from(scale).ok()?))
}

/// Appends the digits of a number, `width` of them at least.
fn push(value: u128, width: usize, digits: &mut Vec<u8>) {
    let start = digits.len();
    let mut rest = value;
    while rest > 0 {
        digits.push((rest % 10) as u8);
        rest /= 10;
    }
    while digits.len() - start < width {
        digits.push(0);
    }
    digits[start..].reverse();
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < 9 {
            *digit += 1;
            return;
        }
        *digit = 0;
    }
    digits.insert(0, 1);
}
