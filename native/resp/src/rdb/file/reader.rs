//! Reading a file, part by part.

use super::super::{packed, read};
use super::super::{Text, Value};
use super::window::Window;
use super::{code, module, type_name, Problem, NEWEST, SUMMED};
use std::io::Read;

/// What whoever has an append-only log can do.
const INSTEAD: &str =
    "let its Redis save a file (BGSAVE), or import from the running server (--from)";

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where it begins in the file, its expiry included.
    pub at: u64,
    /// Number of its database.
    pub db: u64,
    /// The key.
    pub key: Text,
    /// When it expires, Unix milliseconds.
    pub expiry: Option<i64>,
    /// Its value.
    pub value: Value,
}

/// A part of a file that means something here.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// A key.
    Entry(Entry),
    /// The code of a library of functions, and where it is.
    Library(u64, Text),
    /// A fact about who wrote the file.
    Fact(Text, Text),
    /// A key whose value is a module's: where it is, its database, the key, the module.
    Foreign(u64, u64, Text, String),
    /// What a module keeps beside its keys.
    ForeignFact(String),
    /// A key whose collection holds nothing: faults of older Redis wrote such, and Redis leaves them out when it loads a file.
    Empty(u64, Text),
}

/// See the module above.
pub struct FileReader<R> {
    window: Window<R>,
    version: u32,
    db: u64,
    /// When the next key expires.
    expiry: Option<i64>,
    /// Where the next key begins with what is said of it.
    start: Option<u64>,
    sum: Option<u64>,
    /// Only the whole file has a sum.
    from_start: bool,
}

impl<R: Read> FileReader<R> {
    /// A file of `size` bytes, from its start.
    ///
    /// # Errors
    /// It does not begin as such files do, or is of a version that is not known.
    pub fn new(source: R, size: u64) -> Result<FileReader<R>, Problem> {
        let mut window = Window::new(source, 0, size);
        let (name, digits) = window.read("the name of the format", |input| {
            Some((input.array::<5>()?, input.array::<4>()?))
        })?;
        if &name != b"REDIS" {
            let text = match name[0] {
                b'*' => format!("no RDB file but an append-only log: {INSTEAD}"),
                _ => "no RDB file: it does not begin with REDIS".into(),
            };
            return Err(Problem::fault(0, text));
        }
        let digits = std::str::from_utf8(&digits)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let version: Option<u32> = digits.and_then(|text| text.parse().ok());
        match version {
            Some(version @ 1..=NEWEST) => Ok(FileReader::at(window, version, 0, true)),
            Some(version) => {
                let text =
                    format!("version {version} of the format: those from 1 to {NEWEST} are read");
                Err(Problem::fault(5, text))
            }
            None => Err(Problem::fault(5, "the version is no number")),
        }
    }

    /// A file of `size` bytes and a known version, from byte `at`, where `source` stands, on; there a part begins, in database `db`.
    /// Its sum is not looked at.
    pub fn from_part(source: R, size: u64, version: u32, at: u64, db: u64) -> FileReader<R> {
        FileReader::at(Window::new(source, at, size), version, db, false)
    }

    fn at(window: Window<R>, version: u32, db: u64, from_start: bool) -> FileReader<R> {
        FileReader {
            window,
            version,
            db,
            expiry: None,
            start: None,
            sum: None,
            from_start,
        }
    }

    /// Lets a part take less memory.
    #[cfg(test)]
    pub(super) fn bound(&mut self, most: usize) {
        self.window.bound(most);
    }

    /// The version of the format.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Where it stands.
    pub fn offset(&self) -> u64 {
        self.window.at()
    }

    /// The sum of the whole file, once it was read to its end.
    pub fn sum(&self) -> Option<u64> {
        self.sum
    }

    /// The next part; `None` at the end, whose sum is right.
    ///
    /// # Errors
    /// What is wrong, and where; and what reading fails with.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Part>, Problem> {
        if self.sum.is_some() {
            return Ok(None);
        }
        loop {
            let at = self.window.at();
            let first = self.window.read("the next part", |input| input.byte())?;
            match first {
                code::END => {
                    self.end()?;
                    return Ok(None);
                }
                code::AUX => {
                    let fact = self.window.read("a fact", |input| {
                        Some(Part::Fact(input.text()?, input.text()?))
                    })?;
                    return Ok(Some(fact));
                }
                code::LIBRARY => {
                    let text = self
                        .window
                        .read("a library of functions", |input| input.text())?;
                    return Ok(Some(Part::Library(at, text)));
                }
                code::OLD_LIBRARY => {
                    let text =
                        "a library of functions as a release candidate of Redis 7.0 wrote it";
                    return Err(Problem::fault(at, text));
                }
                code::MODULE_AUX => {
                    let id = self.window.read("what a module keeps", |input| {
                        let id = input.number()?;
                        // When it is to be read: an unsigned number.
                        (input.number()? == 2).then_some(())?;
                        input.number()?;
                        module::pass(input)?;
                        Some(id)
                    })?;
                    return Ok(Some(Part::ForeignFact(module::name(id))));
                }
                code::SIZES => self.window.read("how many keys there are", |input| {
                    input.number()?;
                    input.number().map(drop)
                })?,
                code::SLOT => self.window.read("a slot", |input| {
                    input.number()?;
                    input.number()?;
                    input.number().map(drop)
                })?,
                code::DATABASE => {
                    self.db = self
                        .window
                        .read("the number of a database", |input| input.number())?;
                    self.expiry = None;
                    self.start = None;
                }
                code::EXPIRY => {
                    let seconds = self.window.read("an expiry", |input| input.array::<4>())?;
                    self.expires(at, i64::from(i32::from_le_bytes(seconds)) * 1000);
                }
                code::EXPIRY_MS => {
                    let milliseconds = self.window.read("an expiry", |input| input.array::<8>())?;
                    self.expires(at, i64::from_le_bytes(milliseconds));
                }
                code::IDLE => {
                    self.window
                        .read("how long a key was idle", |input| input.number())?;
                    self.start.get_or_insert(at);
                }
                code::FREQUENCY => {
                    self.window
                        .read("how often a key was used", |input| input.byte())?;
                    self.start.get_or_insert(at);
                }
                kind => return self.entry(at, kind).map(Some),
            }
        }
    }

    fn expires(&mut self, at: u64, expiry: i64) {
        // Redis's own sign of none.
        self.expiry = Some(expiry).filter(|expiry| *expiry != -1);
        self.start.get_or_insert(at);
    }

    fn entry(&mut self, at: u64, kind: u8) -> Result<Part, Problem> {
        let Some(what) = type_name(kind) else {
            return Err(Problem::fault(
                at,
                format!("there is no type or part {kind}"),
            ));
        };
        let start = self.start.take().unwrap_or(at);
        let expiry = self.expiry.take();
        let db = self.db;
        let key = self.window.read("a key", |input| input.text())?;
        if kind == 7 {
            let id = self.window.read(what, |input| {
                let id = input.number()?;
                module::pass(input)?;
                Some(id)
            })?;
            return Ok(Part::Foreign(start, db, key, module::name(id)));
        }
        if matches!(kind, 6 | 22..=25) {
            let text = format!(
                "{what} under the key '{}': there is no form for it here",
                shown(&key)
            );
            return Err(Problem::fault(at, text));
        }
        let named = || format!("{what} under the key '{}'", shown(&key));
        let value = self.window.read(what, |input| read::value_of(kind, input));
        let value = value.map_err(|problem| match problem {
            Problem::Fault(fault) => {
                Problem::fault(fault.at, fault.what.replacen(what, &named(), 1))
            }
            other => other,
        })?;
        if packed::is_empty(&value) {
            return Ok(Part::Empty(db, key));
        }
        Ok(Part::Entry(Entry {
            at: start,
            db,
            key,
            expiry,
            value,
        }))
    }

    /// What lies behind the last part.
    fn end(&mut self) -> Result<(), Problem> {
        let sum = self.window.sum();
        if self.version >= SUMMED {
            let at = self.window.at();
            let said = self
                .window
                .read("the sum at the end", |input| input.array::<8>())?;
            let said = u64::from_le_bytes(said);
            if self.from_start && said != 0 && said != sum {
                let text = format!("the sum is {said:016x}, that of the file is {sum:016x}");
                return Err(Problem::fault(at, text));
            }
        }
        if self.window.left() > 0 {
            let (at, left) = (self.window.at(), self.window.left());
            let first = self.window.read("what follows", |input| input.byte())?;
            let text = match first {
                b'*' => format!(
                    "{left} bytes behind the end, commands of an append-only log: {INSTEAD}"
                ),
                _ => format!("{left} bytes behind the end"),
            };
            return Err(Problem::fault(at, text));
        }
        self.sum = Some(sum);
        Ok(())
    }
}

/// A key in a message: what is no text is replaced, what is long is cut.
pub(crate) fn shown(key: &[u8]) -> String {
    const MOST: usize = 80;
    let text = String::from_utf8_lossy(key.get(..MOST).unwrap_or(key)).into_owned();
    let dots = if key.len() > MOST { "..." } else { "" };
    let plain: String = text
        .chars()
        .map(|each| if each.is_control() { '\u{fffd}' } else { each })
        .collect();
    format!("{plain}{dots}")
}
