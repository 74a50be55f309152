//! Arrow's C data and stream interfaces, written; `import` reads them. These two have the unsafe code of this crate.
//!
//! **Theory.** Three structs with function pointers, laid out as the specification says ("The Arrow C data interface", "The
//! Arrow C stream interface", Apache Arrow format 1.5). A struct owns what it points to through `private_data`, and
//! `release` gives that back; a struct whose `release` is null owns nothing. Buffers are not copied: an array holds
//! its columns by reference count.
//!
//! **Safety.** Every pointer in a struct points into its own private data (a box, so that moving the struct moves nothing) or
//! into a column which that holds. Callbacks touch a struct only through the pointer they are given, which the
//! specification promises to be valid and not in use elsewhere. No panic crosses into the caller.

use super::column::{Column, Data};
use super::form::Form;
use super::scan::Batch;
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};
use std::sync::Arc;

const NULLABLE: i64 = 2;
/// Linux's codes: a value cannot be said; the operation was cancelled; reading failed.
const EINVAL: c_int = 22;
const ECANCELED: c_int = 125;
const EIO: c_int = 5;

/// `struct ArrowSchema`.
#[repr(C)]
pub struct ArrowSchema {
    pub(super) format: *const c_char,
    pub(super) name: *const c_char,
    pub(super) metadata: *const c_char,
    pub(super) flags: i64,
    pub(super) n_children: i64,
    pub(super) children: *mut *mut ArrowSchema,
    pub(super) dictionary: *mut ArrowSchema,
    pub(super) release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    pub(super) private_data: *mut c_void,
}

/// `struct ArrowArray`.
#[repr(C)]
pub struct ArrowArray {
    pub(super) length: i64,
    pub(super) null_count: i64,
    pub(super) offset: i64,
    pub(super) n_buffers: i64,
    pub(super) n_children: i64,
    pub(super) buffers: *mut *const c_void,
    pub(super) children: *mut *mut ArrowArray,
    pub(super) dictionary: *mut ArrowArray,
    pub(super) release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    pub(super) private_data: *mut c_void,
}

/// `struct ArrowArrayStream`.
#[repr(C)]
pub struct ArrowArrayStream {
    get_schema: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut ArrowArrayStream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut ArrowArrayStream)>,
    private_data: *mut c_void,
}

// SAFETY: a struct owns what it points to, which is `Send`: boxes of plain data, columns by `Arc`, sources that are `Send`.
unsafe impl Send for ArrowSchema {}
// SAFETY: as above.
unsafe impl Send for ArrowArray {}
// SAFETY: as above.
unsafe impl Send for ArrowArrayStream {}

/// Why a stream stopped, as the consumer hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A value that Arrow cannot say.
    Invalid,
    /// Somebody wanted no more.
    Cancelled,
    /// The store failed.
    Failed,
}

/// What a stream's batches come from.
pub trait Source: Send {
    /// Names and forms of the columns.
    fn columns(&self) -> Vec<(String, Form)>;

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// What to tell the consumer.
    fn next(&mut self) -> Result<Option<Batch>, (Code, String)>;
}

/// Owns what the pointers of a schema point to.
struct SchemaOwner {
    _format: CString,
    _name: CString,
    _metadata: Vec<u8>,
    children: Box<[*mut ArrowSchema]>,
    dictionary: *mut ArrowSchema,
}

/// Owns what the pointers of an array point to.
struct ArrayOwner {
    _column: Option<Arc<Column>>,
    /// Offsets and bytes that no column holds: those of a dictionary's labels.
    _labels: Option<Box<Column>>,
    _buffers: Box<[*const c_void]>,
    children: Box<[*mut ArrowArray]>,
    dictionary: *mut ArrowArray,
}

struct StreamOwner {
    source: Box<dyn Source>,
    error: CString,
}

/// A string for C; nul bytes, which names of columns cannot have, end it.
fn c_string(text: &str) -> CString {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}

/// Format string, and the extension's name if it is one.
fn format_of(form: &Form) -> (String, Option<&'static str>) {
    let format = match form {
        Form::Bool => "b",
        Form::Int8 => "c",
        Form::Int16 => "s",
        Form::Int32 | Form::Enum(_) => "i",
        Form::Int64 => "l",
        Form::UInt32 => "I",
        Form::Float32 => "f",
        Form::Float64 => "g",
        Form::Decimal(digits, scale) => return (format!("d:{digits},{scale}"), None),
        Form::Number | Form::Text | Form::Char1 => "u",
        Form::Bytes => "z",
        Form::Date => "tdD",
        Form::Time => "ttu",
        Form::TimeNanos => "ttn",
        Form::Timestamp(false) => "tsu:",
        Form::Timestamp(true) => "tsu:UTC",
        Form::Uuid => return ("w:16".into(), Some("arrow.uuid")),
        Form::Interval => "tin",
        Form::List(_) => "+l",
    };
    (format.into(), None)
}

/// Pairs as the interface wants them: a count, then length and bytes of each name and value.
fn metadata(extension: Option<&str>) -> Vec<u8> {
    let Some(name) = extension else {
        return Vec::new();
    };
    let mut out = 2i32.to_ne_bytes().to_vec();
    for text in ["ARROW:extension:name", name, "ARROW:extension:metadata", ""] {
        out.extend_from_slice(&(text.len() as i32).to_ne_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out
}

impl ArrowSchema {
    pub(super) fn empty() -> ArrowSchema {
        ArrowSchema {
            format: null(),
            name: null(),
            metadata: null(),
            flags: 0,
            n_children: 0,
            children: null_mut(),
            dictionary: null_mut(),
            release: None,
            private_data: null_mut(),
        }
    }

    /// The schema of batches with these columns.
    pub fn of(columns: &[(String, Form)]) -> ArrowSchema {
        let children = columns.iter().map(|(name, form)| Self::field(name, form));
        Self::build("", "+s", 0, None, children.collect(), None)
    }

    fn field(name: &str, form: &Form) -> ArrowSchema {
        let (format, extension) = format_of(form);
        let children = match form {
            Form::List(of) => vec![Self::field("item", of)],
            _ => Vec::new(),
        };
        let labels = matches!(form, Form::Enum(_)).then(|| Self::field("", &Form::Text));
        Self::build(name, &format, NULLABLE, extension, children, labels)
    }

    fn build(
        name: &str,
        format: &str,
        flags: i64,
        extension: Option<&str>,
        children: Vec<ArrowSchema>,
        dictionary: Option<ArrowSchema>,
    ) -> ArrowSchema {
        let boxed = |schema: ArrowSchema| Box::into_raw(Box::new(schema));
        let (format, name, metadata) = (c_string(format), c_string(name), metadata(extension));
        let mut schema = ArrowSchema {
            format: format.as_ptr(),
            name: name.as_ptr(),
            metadata: if metadata.is_empty() {
                null()
            } else {
                metadata.as_ptr().cast()
            },
            flags,
            n_children: children.len() as i64,
            release: Some(release_schema),
            ..ArrowSchema::empty()
        };
        let mut owner = Box::new(SchemaOwner {
            _format: format,
            _name: name,
            _metadata: metadata,
            children: children.into_iter().map(boxed).collect(),
            dictionary: dictionary.map_or(null_mut(), boxed),
        });
        schema.children = owner.children.as_mut_ptr();
        schema.dictionary = owner.dictionary;
        schema.private_data = Box::into_raw(owner).cast();
        schema
    }
}

unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: the caller passes a live schema of ours; its private data is the box that `build` made, taken back once, since
    // `release` is null afterwards. Children and dictionary are boxes too; dropping them releases those that still own
    // something.
    unsafe {
        let owner = Box::from_raw((*schema).private_data.cast::<SchemaOwner>());
        for child in owner.children.iter().copied().chain([owner.dictionary]) {
            if !child.is_null() {
                drop(Box::from_raw(child));
            }
        }
        (*schema).private_data = null_mut();
        (*schema).release = None;
    }
}

impl Drop for ArrowSchema {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: `release` is set, so the struct is live and ours to end.
            unsafe { release(self) }
        }
    }
}

fn pointer<T>(values: &[T]) -> *const c_void {
    values.as_ptr().cast()
}

/// The buffers behind validity.
fn buffers_of(column: &Column) -> Vec<*const c_void> {
    match column.data() {
        Data::Bits(values) => vec![pointer(values)],
        Data::One(values) => vec![pointer(values)],
        Data::Two(values) => vec![pointer(values)],
        Data::Four(values) => vec![pointer(values)],
        Data::Eight(values) => vec![pointer(values)],
        Data::Sixteen(values) => vec![pointer(values)],
        Data::Bytes(offsets, bytes) => vec![pointer(offsets), pointer(bytes)],
        Data::Items(offsets, _) => vec![pointer(offsets)],
    }
}

impl ArrowArray {
    pub(super) fn empty() -> ArrowArray {
        ArrowArray {
            length: 0,
            null_count: 0,
            offset: 0,
            n_buffers: 0,
            n_children: 0,
            buffers: null_mut(),
            children: null_mut(),
            dictionary: null_mut(),
            release: None,
            private_data: null_mut(),
        }
    }

    /// A batch: a struct of its columns.
    pub fn of(batch: &Batch) -> ArrowArray {
        let columns = batch.columns.iter();
        let children = columns.map(|column| Self::column(column, Some(column.clone())));
        let owner = ArrayOwner {
            _column: None,
            _labels: None,
            _buffers: Box::new([null()]),
            children: children
                .map(|child| Box::into_raw(Box::new(child)))
                .collect(),
            dictionary: null_mut(),
        };
        Self::build(batch.rows, 0, owner)
    }

    /// `column`, which `held` or what holds it keeps alive.
    fn column(column: &Column, held: Option<Arc<Column>>) -> ArrowArray {
        let boxed = |array: ArrowArray| Box::into_raw(Box::new(array));
        let mut buffers = vec![column.validity().map_or(null(), pointer)];
        buffers.extend(buffers_of(column));
        let children: Vec<*mut ArrowArray> = match (column.data(), &held) {
            // The items lie within the column, and their array may be moved out of this one: it holds the column too.
            (Data::Items(_, items), _) => vec![boxed(Self::column(items, held.clone()))],
            _ => Vec::new(),
        };
        let labels = match column.form() {
            Form::Enum(labels) => {
                let mut names = Column::new(Form::Text);
                for (_, name) in labels.iter() {
                    // Labels are far below the limits of a column.
                    let _ = names.push(Some(name.as_bytes()));
                }
                Some(Box::new(names))
            }
            _ => None,
        };
        let dictionary = labels.map(|names| {
            let mut buffers = vec![null()];
            buffers.extend(buffers_of(&names));
            let rows = names.rows();
            let owner = ArrayOwner {
                _column: None,
                _labels: Some(names),
                _buffers: buffers.into_boxed_slice(),
                children: Box::default(),
                dictionary: null_mut(),
            };
            boxed(Self::build(rows, 0, owner))
        });
        let owner = ArrayOwner {
            _column: held,
            _labels: None,
            _buffers: buffers.into_boxed_slice(),
            children: children.into_boxed_slice(),
            dictionary: dictionary.unwrap_or(null_mut()),
        };
        Self::build(column.rows(), column.nulls(), owner)
    }

    fn build(rows: usize, nulls: usize, owner: ArrayOwner) -> ArrowArray {
        let mut owner = Box::new(owner);
        let mut array = ArrowArray {
            length: rows as i64,
            null_count: nulls as i64,
            n_buffers: owner._buffers.len() as i64,
            n_children: owner.children.len() as i64,
            release: Some(release_array),
            ..ArrowArray::empty()
        };
        array.buffers = owner._buffers.as_mut_ptr();
        array.children = owner.children.as_mut_ptr();
        array.dictionary = owner.dictionary;
        array.private_data = Box::into_raw(owner).cast();
        array
    }
}

unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: as in `release_schema`. A consumer may have moved a child out: it set that child's `release` to null, and
    // dropping the box then frees only the struct.
    unsafe {
        let owner = Box::from_raw((*array).private_data.cast::<ArrayOwner>());
        for child in owner.children.iter().copied().chain([owner.dictionary]) {
            if !child.is_null() {
                drop(Box::from_raw(child));
            }
        }
        (*array).private_data = null_mut();
        (*array).release = None;
    }
}

impl Drop for ArrowArray {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: `release` is set, so the struct is live and ours to end.
            unsafe { release(self) }
        }
    }
}

impl ArrowArrayStream {
    /// The batches of `source`.
    pub fn of(source: Box<dyn Source>) -> ArrowArrayStream {
        let owner = Box::new(StreamOwner {
            source,
            error: CString::default(),
        });
        ArrowArrayStream {
            get_schema: Some(get_schema),
            get_next: Some(get_next),
            get_last_error: Some(get_last_error),
            release: Some(release_stream),
            private_data: Box::into_raw(owner).cast(),
        }
    }
}

unsafe extern "C" fn get_schema(stream: *mut ArrowArrayStream, out: *mut ArrowSchema) -> c_int {
    // SAFETY: the caller passes a live stream of ours, which nobody else uses meanwhile, and room for a schema, which holds
    // nothing yet and is therefore written without dropping what is there.
    unsafe {
        let owner = &*(*stream).private_data.cast::<StreamOwner>();
        let made = catch_unwind(AssertUnwindSafe(|| {
            ArrowSchema::of(&owner.source.columns())
        }));
        match made {
            Ok(schema) => {
                std::ptr::write(out, schema);
                0
            }
            Err(_) => EIO,
        }
    }
}

unsafe extern "C" fn get_next(stream: *mut ArrowArrayStream, out: *mut ArrowArray) -> c_int {
    // SAFETY: as in `get_schema`.
    unsafe {
        let owner = &mut *(*stream).private_data.cast::<StreamOwner>();
        let next = catch_unwind(AssertUnwindSafe(|| {
            let batch = owner.source.next()?;
            Ok(batch.map_or_else(ArrowArray::empty, |batch| ArrowArray::of(&batch)))
        }));
        let failed = match next {
            Ok(Ok(array)) => {
                std::ptr::write(out, array);
                return 0;
            }
            Ok(Err(failed)) => failed,
            Err(_) => (Code::Failed, "reading columns failed".into()),
        };
        owner.error = c_string(&failed.1);
        match failed.0 {
            Code::Invalid => EINVAL,
            Code::Cancelled => ECANCELED,
            Code::Failed => EIO,
        }
    }
}

unsafe extern "C" fn get_last_error(stream: *mut ArrowArrayStream) -> *const c_char {
    // SAFETY: as in `get_schema`; the text lives until the next call of the stream.
    unsafe {
        let owner = &*(*stream).private_data.cast::<StreamOwner>();
        let error: &CStr = &owner.error;
        error.as_ptr()
    }
}

unsafe extern "C" fn release_stream(stream: *mut ArrowArrayStream) {
    // SAFETY: as in `release_schema`.
    unsafe {
        drop(Box::from_raw((*stream).private_data.cast::<StreamOwner>()));
        (*stream).private_data = null_mut();
        (*stream).release = None;
    }
}

impl Drop for ArrowArrayStream {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: `release` is set, so the struct is live and ours to end.
            unsafe { release(self) }
        }
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
