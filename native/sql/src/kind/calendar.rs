//! Days and moments in ISO 8601, as PostgreSQL writes them under DateStyle ISO.
//!
//! Days are counted by the algorithm of Hinnant, "chrono-compatible low-level date algorithms" (days_from_civil,
//! civil_from_days), on years from 1 to 9999 only: eras, infinities and longer years take the ordinary way.

const MICROS: i64 = 1_000_000;
const DAY: i64 = 86_400 * MICROS;

/// Days since 1970 of a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    let part = (5 * of_year + 2) / 153;
    let month = if part < 10 { part + 3 } else { part - 9 };
    let year = of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * part + 2) / 5 + 1)
}

/// A number of exactly so many digits.
fn digits(raw: &[u8], count: usize) -> Option<i64> {
    if raw.len() != count || !raw.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        raw.iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0')),
    )
}

/// Days since 1970 of `YYYY-MM-DD`.
pub(super) fn read_date(raw: &[u8]) -> Option<i32> {
    if raw.len() != 10 || raw[4] != b'-' || raw[7] != b'-' {
        return None;
    }
    let (year, month, day) = (
        digits(&raw[..4], 4)?,
        digits(&raw[5..7], 2)?,
        digits(&raw[8..], 2)?,
    );
    let found = days(year, month, day);
    // A day that is not in the calendar comes out as another one.
    let is_real = year > 0 && (1..=12).contains(&month) && civil(found) == (year, month, day);
    i32::try_from(found).ok().filter(|_| is_real)
}

/// Microseconds since 1970 of `YYYY-MM-DD HH:MM:SS[.f]`, with a `T` in place of the blank too; at most six digits behind the point.
pub(super) fn read_moment(raw: &[u8]) -> Option<i64> {
    let (date, rest) = raw.split_at_checked(10)?;
    let (b' ' | b'T', time) = rest.split_first().map(|(byte, time)| (*byte, time))? else {
        return None;
    };
    let (whole, fraction) = time.split_at_checked(8)?;
    if whole[2] != b':' || whole[5] != b':' {
        return None;
    }
    let (hour, minute) = (digits(&whole[..2], 2)?, digits(&whole[3..5], 2)?);
    let second = digits(&whole[6..], 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction.split_first() {
        None => 0,
        Some((b'.', found)) if (1..=6).contains(&found.len()) => {
            let scale = 10i64.pow(u32::try_from(6 - found.len()).ok()?);
            digits(found, found.len())? * scale
        }
        Some(_) => return None,
    };
    let day = i64::from(read_date(date)?);
    Some(day * DAY + ((hour * 60 + minute) * 60 + second) * MICROS + micros)
}

fn push(value: i64, width: usize, out: &mut Vec<u8>) {
    let mut text = Vec::with_capacity(width);
    super::text::push_integer(value, &mut text);
    out.resize(out.len() + width.saturating_sub(text.len()), b'0');
    out.extend_from_slice(&text);
}

/// Appends a day; `None` outside of the years that are written here.
pub(super) fn push_date(day: i32, out: &mut Vec<u8>) -> Option<()> {
    let (year, month, day) = civil(i64::from(day));
    if !(1..=9999).contains(&year) {
        return None;
    }
    push(year, 4, out);
    out.push(b'-');
    push(month, 2, out);
    out.push(b'-');
    push(day, 2, out);
    Some(())
}

/// Appends a moment, zeros at its end left out as PostgreSQL does.
pub(super) fn push_moment(moment: i64, out: &mut Vec<u8>) -> Option<()> {
    push_date(i32::try_from(moment.div_euclid(DAY)).ok()?, out)?;
    out.push(b' ');
    push_time(moment.rem_euclid(DAY), out);
    Some(())
}

/// Appends the time of a day in microseconds.
pub(crate) fn push_time(of_day: i64, out: &mut Vec<u8>) {
    let seconds = of_day / MICROS;
    push(seconds / 3600, 2, out);
    for value in [seconds / 60 % 60, seconds % 60] {
        out.push(b':');
        push(value, 2, out);
    }
    let mut fraction = of_day % MICROS;
    if fraction != 0 {
        let mut width = 6;
        while fraction % 10 == 0 {
            fraction /= 10;
            width -= 1;
        }
        out.push(b'.');
        push(fraction, width, out);
    }
}
