//! Bytes of values: as parts of keys, in the order meant, and as cells of packed rows.
//!
//! **Invariant.** Decoders take arbitrary bytes: they answer `None`, never panic, and never accept two encodings of
//! one thing (proofs compare bytes). `docs/file-format.md` describes every layout, `tests/golden/format` pins it.

pub mod decimal;
pub mod order;
pub mod row;
pub mod token;
pub mod types;
pub mod wire;

/// Takes the parts of a record off its front.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let (value, used) = crate::keys::read_varint(self.0)?;
        self.0 = self.0.get(used..)?;
        Some(value)
    }

    /// A count of things that take at least one byte each: no more than there are bytes.
    pub(crate) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    /// A length and that many bytes.
    pub(crate) fn blob(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.varint()?).ok()?;
        self.bytes(len)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        Some(std::str::from_utf8(self.blob()?).ok()?.to_owned())
    }

    /// `Some` of `value` if nothing is left.
    pub(crate) fn end<T>(&self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

/// Puts the parts of a record behind each other.
#[derive(Default)]
pub(crate) struct Builder(pub(crate) Vec<u8>);

impl Builder {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    #[inline]
    pub(crate) fn varint(&mut self, value: u64) -> &mut Self {
        if let Some(short) = crate::keys::short_varint(value) {
            self.0.push(short);
            return self;
        }
        let mut key = crate::keys::KeyBuf::new();
        key.push_varint(value);
        self.bytes(&key)
    }

    pub(crate) fn blob(&mut self, bytes: &[u8]) -> &mut Self {
        self.varint(bytes.len() as u64).bytes(bytes)
    }
}
