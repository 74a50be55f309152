//! What a row becomes: a DataRow, or a line of COPY in a CopyData.

use crate::plan::patch;

/// Bytes of a line that COPY's text spells with a backslash, and the letters behind it.
const NAMED: [(u8, u8); 7] = [
    (b'\\', b'\\'),
    (0x08, b'b'),
    (0x0c, b'f'),
    (b'\n', b'n'),
    (b'\r', b'r'),
    (b'\t', b't'),
    (0x0b, b'v'),
];
/// Alone on a line it would end the data.
const END_MARKER: &[u8] = b"\\.";

/// The message of a row, and how fields lie in it.
#[derive(Clone, Debug)]
pub enum Form {
    /// DataRow; whether values are binary: none of them, one for all, or one each.
    Rows(Vec<bool>),
    /// A line of COPY's text: what each byte is spelled with behind a backslash (0: as it is), the delimiter, null.
    Text {
        /// By byte.
        escapes: Box<[u8; 256]>,
        /// Between fields.
        delimiter: u8,
        /// What stands for null.
        null: Vec<u8>,
    },
    /// A line of CSV.
    Csv {
        /// Between fields.
        delimiter: u8,
        /// Around a field.
        quote: u8,
        /// In front of quotes within.
        escape: u8,
        /// What stands for null.
        null: Vec<u8>,
        /// Columns that are quoted whatever they hold.
        forced: Vec<bool>,
    },
    /// A row of COPY's binary format.
    Binary,
}

impl Form {
    /// COPY's text.
    pub fn text(delimiter: u8, null: Vec<u8>) -> Form {
        let mut escapes = Box::new([0; 256]);
        escapes[usize::from(delimiter)] = delimiter;
        for (byte, letter) in NAMED {
            escapes[usize::from(byte)] = letter;
        }
        Form::Text {
            escapes,
            delimiter,
            null,
        }
    }

    /// Whether the value of this column goes in PostgreSQL's binary format.
    pub fn is_binary(&self, column: usize) -> bool {
        match self {
            Form::Rows(formats) => match formats[..] {
                [] => false,
                [all] => all,
                ref each => each.get(column).copied().unwrap_or(false),
            },
            Form::Binary => true,
            Form::Text { .. } | Form::Csv { .. } => false,
        }
    }
}

/// Appends rows to `out`. A row is begun, has its fields written in order, and is ended or taken back.
pub struct Writer<'w> {
    form: &'w Form,
    width: usize,
    out: &'w mut Vec<u8>,
    start: usize,
    column: usize,
    field: Vec<u8>,
}

impl<'w> Writer<'w> {
    /// For rows of `width` fields.
    pub fn new(form: &'w Form, width: usize, out: &'w mut Vec<u8>) -> Writer<'w> {
        let start = out.len();
        Writer {
            form,
            width,
            out,
            start,
            column: 0,
            field: Vec::new(),
        }
    }

    /// Bytes that were written, this row's too.
    pub fn size(&self) -> usize {
        self.out.len()
    }

    /// Begins a row.
    pub fn begin(&mut self) {
        self.start = self.out.len();
        self.column = 0;
        let kind = if matches!(self.form, Form::Rows(_)) {
            b'D'
        } else {
            b'd'
        };
        self.out.extend_from_slice(&[kind, 0, 0, 0, 0]);
        if matches!(self.form, Form::Rows(_) | Form::Binary) {
            let width = u16::try_from(self.width).unwrap_or(u16::MAX);
            self.out.extend_from_slice(&width.to_be_bytes());
        }
    }

    /// Null in the next field.
    pub fn null(&mut self) {
        self.delimit();
        match self.form {
            Form::Rows(_) | Form::Binary => self.out.extend_from_slice(&(-1i32).to_be_bytes()),
            Form::Text { null, .. } | Form::Csv { null, .. } => self.out.extend_from_slice(null),
        }
        self.column += 1;
    }

    /// What `write` appends in the next field; it is told whether in the binary format. `None` if it does.
    pub fn value(&mut self, write: impl FnOnce(bool, &mut Vec<u8>) -> Option<()>) -> Option<()> {
        self.delimit();
        match self.form {
            Form::Rows(_) | Form::Binary => {
                let at = self.out.len();
                self.out.extend_from_slice(&[0; 4]);
                write(self.form.is_binary(self.column), self.out)?;
                patch(self.out, at, at + 4);
            }
            Form::Text { escapes, .. } => {
                self.field.clear();
                write(false, &mut self.field)?;
                escape(&self.field, escapes, self.out);
            }
            Form::Csv {
                delimiter,
                quote,
                escape,
                null,
                forced,
            } => {
                self.field.clear();
                write(false, &mut self.field)?;
                let field = &self.field[..];
                let special = |byte: &u8| {
                    *byte == *delimiter || *byte == *quote || matches!(byte, b'\n' | b'\r')
                };
                let must = forced.get(self.column).copied().unwrap_or(false)
                    || field == null
                    || field.iter().any(special)
                    || (self.width == 1 && field == END_MARKER);
                match must {
                    true => quoted(field, *quote, *escape, self.out),
                    false => self.out.extend_from_slice(field),
                }
            }
        }
        self.column += 1;
        Some(())
    }

    /// Ends the row.
    pub fn end(&mut self) {
        if matches!(self.form, Form::Text { .. } | Form::Csv { .. }) {
            self.out.push(b'\n');
        }
        patch(self.out, self.start + 1, self.start + 1);
    }

    /// Nothing of the row stays.
    pub fn undo(&mut self) {
        self.out.truncate(self.start);
    }

    fn delimit(&mut self) {
        if let Form::Text { delimiter, .. } | Form::Csv { delimiter, .. } = self.form {
            if self.column > 0 {
                self.out.push(*delimiter);
            }
        }
    }
}

fn escape(field: &[u8], escapes: &[u8; 256], out: &mut Vec<u8>) {
    let mut rest = field;
    while let Some(at) = rest
        .iter()
        .position(|byte| escapes[usize::from(*byte)] != 0)
    {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[b'\\', escapes[usize::from(rest[at])]]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn quoted(field: &[u8], quote: u8, escape: u8, out: &mut Vec<u8>) {
    out.push(quote);
    for byte in field {
        if *byte == quote || *byte == escape {
            out.push(escape);
        }
        out.push(*byte);
    }
    out.push(quote);
}
