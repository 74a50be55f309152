//! Writing replies, in RESP2 or RESP3 as the client asked.
//!
//! Handlers say what they mean (a map, a set, a double, null); this file alone knows how each version spells it.

/// Most bytes in front of a bulk string's own.
const LONGEST_HEAD: usize = 24;

/// A buffer of replies for one client.
#[derive(Debug, Default, Clone)]
pub struct Reply {
    /// The encoded bytes.
    pub buffer: Vec<u8>,
    /// Whether the client speaks RESP3.
    pub resp3: bool,
}

impl Reply {
    /// An empty buffer.
    pub fn new(resp3: bool) -> Self {
        Self {
            buffer: Vec::new(),
            resp3,
        }
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.buffer.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string; must hold no line break.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// A simple string of any bytes; line breaks become spaces.
    pub fn status(&mut self, text: &[u8]) {
        self.one_line(b'+', text);
    }

    /// An error with its class: `WRONGTYPE ...`; line breaks become spaces, and go at its end.
    pub fn error(&mut self, text: &str) {
        self.error_bytes(text.as_bytes());
    }

    /// An error of any bytes; line breaks become spaces, and go at its end.
    pub fn error_bytes(&mut self, text: &[u8]) {
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        self.one_line(b'-', &text[..end.map_or(0, |end| end + 1)]);
    }

    /// An integer.
    pub fn integer(&mut self, value: i64) {
        self.number(b':', value);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        let len = bytes.len();
        // One look at the room for all of it.
        self.buffer.reserve(len + LONGEST_HEAD + 2);
        if len < 100 {
            let (tens, ones) = ((len / 10) as u8, (len % 10) as u8);
            let head = [b'$', b'0' + tens, b'0' + ones, b'\r', b'\n'];
            if tens == 0 {
                self.buffer
                    .extend_from_slice(&[b'$', b'0' + ones, b'\r', b'\n']);
            } else {
                self.buffer.extend_from_slice(&head);
            }
        } else {
            self.number(b'$', len as i64);
        }
        self.buffer.extend_from_slice(bytes);
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// A bulk string, or null.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// Null where a bulk string could stand.
    pub fn null(&mut self) {
        self.buffer
            .extend_from_slice(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// Null where an array could stand.
    pub fn null_array(&mut self) {
        self.buffer
            .extend_from_slice(if self.resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// Announces an array of `len` replies.
    pub fn array(&mut self, len: usize) {
        self.number(b'*', len as i64);
    }

    /// Announces an array of the `len` replies that begin at `at`, which were written before they could be counted.
    pub fn insert_array(&mut self, at: usize, len: usize) {
        self.insert(at, |head| head.array(len));
    }

    /// Announces a map of the `len` pairs that begin at `at`.
    pub fn insert_map(&mut self, at: usize, len: usize) {
        self.insert(at, |head| head.map(len));
    }

    /// Announces a set of the `len` replies that begin at `at`.
    pub fn insert_set(&mut self, at: usize, len: usize) {
        self.insert(at, |head| head.set(len));
    }

    fn insert(&mut self, at: usize, write: impl FnOnce(&mut Reply)) {
        let end = self.buffer.len();
        write(self);
        let head = self.buffer.len() - end;
        self.buffer[at..].rotate_right(head);
    }

    /// Announces a map of `len` pairs: `2 * len` replies follow. A flat array in RESP2.
    pub fn map(&mut self, len: usize) {
        if self.resp3 {
            self.number(b'%', len as i64);
        } else {
            self.number(b'*', 2 * len as i64);
        }
    }

    /// Announces a set of `len` replies. An array in RESP2.
    pub fn set(&mut self, len: usize) {
        self.number(if self.resp3 { b'~' } else { b'*' }, len as i64);
    }

    /// Announces an out-of-band push of `len` replies. An array in RESP2.
    pub fn push(&mut self, len: usize) {
        self.number(if self.resp3 { b'>' } else { b'*' }, len as i64);
    }

    /// A truth value; 1 or 0 in RESP2.
    pub fn boolean(&mut self, value: bool) {
        if self.resp3 {
            self.buffer
                .extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" });
        } else {
            self.integer(i64::from(value));
        }
    }

    /// A double; a bulk string in RESP2. `text` is the number in Redis's shortest form.
    pub fn double(&mut self, text: &[u8]) {
        if self.resp3 {
            self.line(b',', text);
        } else {
            self.bulk(text);
        }
    }

    /// An integer of any length; a bulk string in RESP2.
    pub fn big_number(&mut self, digits: &[u8]) {
        if self.resp3 {
            self.one_line(b'(', digits);
        } else {
            self.bulk(digits);
        }
    }

    /// Text for people (`txt`); a bulk string in RESP2.
    pub fn verbatim(&mut self, text: &[u8]) {
        self.verbatim_as(b"txt", text);
    }

    /// Text in a format of three letters; a bulk string in RESP2.
    pub fn verbatim_as(&mut self, format: &[u8], text: &[u8]) {
        if self.resp3 {
            let mut three = *b"   ";
            for (letter, given) in three.iter_mut().zip(format) {
                *letter = *given;
            }
            self.number(b'=', text.len() as i64 + 4);
            self.buffer.extend_from_slice(&three);
            self.buffer.push(b':');
            self.buffer.extend_from_slice(text);
            self.buffer.extend_from_slice(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    fn one_line(&mut self, tag: u8, text: &[u8]) {
        let start = self.buffer.len();
        self.line(tag, text);
        let end = self.buffer.len() - 2;
        for byte in &mut self.buffer[start..end] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }

    fn line(&mut self, tag: u8, bytes: &[u8]) {
        self.buffer.push(tag);
        self.buffer.extend_from_slice(bytes);
        self.buffer.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn number(&mut self, tag: u8, value: i64) {
        // Filled from its end, so that the whole line goes into the buffer at once.
        let mut line = [0u8; LONGEST_HEAD];
        let mut at = line.len() - 2;
        line[at..].copy_from_slice(b"\r\n");
        let mut rest = value.unsigned_abs();
        loop {
            at -= 1;
            line[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            at -= 1;
            line[at] = b'-';
        }
        at -= 1;
        line[at] = tag;
        self.buffer.extend_from_slice(&line[at..]);
    }
}
