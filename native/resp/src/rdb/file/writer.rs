//! Writing a file, as the Redis that is to read it would.

use super::super::write::{self, Output};
use super::super::{crc64, Edition, Size, Value};
use super::code;
use std::io::{self, Write};

/// Bytes after which what was made goes out.
const CHUNK: usize = 256 << 10;

/// See the module above.
pub struct FileWriter<W> {
    out: W,
    made: Output,
    edition: Edition,
    sum: u64,
    written: u64,
}

impl<W: Write> FileWriter<W> {
    /// A new file, with facts about who writes it.
    ///
    /// # Errors
    /// What writing fails with; so in all that follows.
    pub fn new(out: W, edition: Edition, facts: &[(&str, String)]) -> io::Result<FileWriter<W>> {
        let mut writer = FileWriter {
            out,
            made: Output::default(),
            edition,
            sum: 0,
            written: 0,
        };
        let version = edition.version();
        writer.made.raw(format!("REDIS{version:04}").as_bytes());
        for (name, value) in facts {
            writer.made.0.push(code::AUX);
            writer.made.text(name.as_bytes());
            writer.made.text(value.as_bytes());
        }
        writer.flush()?;
        Ok(writer)
    }

    /// A library of functions.
    pub fn library(&mut self, text: &[u8]) -> io::Result<()> {
        self.made.0.push(code::LIBRARY);
        self.made.text(text);
        self.pass_on()
    }

    /// The keys that follow are of this database; about so many, so many with an expiry.
    pub fn database(&mut self, number: u64, keys: u64, expiring: u64) -> io::Result<()> {
        self.made.0.push(code::DATABASE);
        self.made.number(number);
        self.made.0.push(code::SIZES);
        self.made.number(keys);
        self.made.number(expiring);
        self.pass_on()
    }

    /// A key.
    pub fn entry(
        &mut self,
        key: &[u8],
        expiry: Option<i64>,
        value: &Value,
        size: Size,
    ) -> io::Result<()> {
        if let Some(expiry) = expiry {
            self.made.0.push(code::EXPIRY_MS);
            self.made.raw(&expiry.to_le_bytes());
        }
        let (key, value) = (Some(key), (value, size));
        write::put(&mut self.made, key, value, self.edition);
        self.pass_on()
    }

    /// The end, and the sum; what was written to, and how many bytes.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.made.0.push(code::END);
        self.flush()?;
        self.made.raw(&self.sum.to_le_bytes());
        self.flush()?;
        self.out.flush()?;
        Ok((self.out, self.written))
    }

    fn pass_on(&mut self) -> io::Result<()> {
        if self.made.0.len() < CHUNK {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sum = crc64::more(self.sum, &self.made.0);
        self.written += self.made.0.len() as u64;
        self.out.write_all(&self.made.0)?;
        self.made.0.clear();
        Ok(())
    }
}
