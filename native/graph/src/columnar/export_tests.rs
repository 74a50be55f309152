//! Arrays and streams as a consumer uses them: moved out of, let go in any order, failing.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn column(form: Form, values: &[Option<&[u8]>]) -> Arc<Column> {
    let mut column = Column::new(form);
    values.iter().for_each(|value| column.push(*value).unwrap());
    Arc::new(column)
}

/// What a consumer reads of an array of int32.
fn ints(array: &ArrowArray) -> Vec<i32> {
    let len = usize::try_from(array.length).unwrap();
    // SAFETY: a live array of int32 has two buffers, the second with `length` values.
    unsafe {
        let values = *array.buffers.add(1);
        std::slice::from_raw_parts(values.cast::<i32>(), len).to_vec()
    }
}

#[test]
fn columns_live_as_long_as_an_array_over_them_and_no_longer() {
    let shared = column(Form::Int32, &[Some(&[1, 0, 0, 0]), Some(&[2, 0, 0, 0])]);
    let batch = Batch {
        rows: 2,
        columns: vec![shared.clone()],
    };
    let array = ArrowArray::of(&batch);
    drop(batch);
    assert_eq!(Arc::strong_count(&shared), 2);
    // A consumer moves the child out, as the specification allows, and lets the parent go.
    // SAFETY: the array is live and has one child, whose struct is copied and then marked as moved.
    let child = unsafe {
        let place = *array.children;
        let child = std::ptr::read(place);
        (*place).release = None;
        child
    };
    drop(array);
    assert_eq!(Arc::strong_count(&shared), 2);
    assert_eq!(ints(&child), [1, 2]);
    drop(child);
    assert_eq!(Arc::strong_count(&shared), 1);
}

#[test]
fn items_of_a_list_outlive_the_list() {
    // One dimension of two items that counts from 1.
    let array = [
        &[1u8, 2][..],
        &1i32.to_le_bytes(),
        &[2, 5],
        &[7, 0, 0, 0],
        &[5, 8, 0, 0, 0],
    ]
    .concat();
    let list = column(Form::List(Box::new(Form::Int32)), &[Some(&array), None]);
    let weak = Arc::downgrade(&list);
    let array = ArrowArray::of(&Batch {
        rows: 2,
        columns: vec![list],
    });
    // SAFETY: as above, for the child of the child.
    let items = unsafe {
        let place = *(**array.children).children;
        let items = std::ptr::read(place);
        (*place).release = None;
        items
    };
    drop(array);
    assert_eq!(ints(&items), [7, 8]);
    drop(items);
    assert!(weak.upgrade().is_none());
}

struct Once(Option<Batch>, Code);

impl Source for Once {
    fn columns(&self) -> Vec<(String, Form)> {
        vec![("a\0b".into(), Form::Uuid)]
    }

    fn next(&mut self) -> Result<Option<Batch>, (Code, String)> {
        match self.0.take() {
            Some(batch) => Ok(Some(batch)),
            None => Err((self.1, "why".into())),
        }
    }
}

#[test]
fn a_stream_gives_its_schema_its_batches_and_why_it_ended() {
    for (code, number) in [
        (Code::Invalid, EINVAL),
        (Code::Cancelled, ECANCELED),
        (Code::Failed, EIO),
    ] {
        let batch = Batch {
            rows: 1,
            columns: vec![column(Form::Uuid, &[Some(&[9; 16])])],
        };
        let mut stream = ArrowArrayStream::of(Box::new(Once(Some(batch), code)));
        let (mut schema, mut array) = (ArrowSchema::empty(), ArrowArray::empty());
        // SAFETY: the stream is live, and its callbacks are given it and room for what they write.
        unsafe {
            let at = &raw mut stream;
            assert_eq!(stream.get_schema.unwrap()(at, &raw mut schema), 0);
            let field = &**schema.children;
            assert_eq!(CStr::from_ptr(field.format), c"w:16");
            assert_eq!(CStr::from_ptr(field.name), c"a");
            assert!(!field.metadata.is_null());
            assert_eq!(stream.get_next.unwrap()(at, &raw mut array), 0);
            assert_eq!((array.length, array.n_children), (1, 1));
            drop(std::mem::replace(&mut array, ArrowArray::empty()));
            assert_eq!(stream.get_next.unwrap()(at, &raw mut array), number);
            assert_eq!(CStr::from_ptr(stream.get_last_error.unwrap()(at)), c"why");
        }
        assert!(array.release.is_none());
    }
}

#[test]
fn a_source_that_panics_does_not_take_the_consumer_with_it() {
    struct Broken;
    impl Source for Broken {
        fn columns(&self) -> Vec<(String, Form)> {
            Vec::new()
        }
        fn next(&mut self) -> Result<Option<Batch>, (Code, String)> {
            panic!("broken")
        }
    }
    let mut stream = ArrowArrayStream::of(Box::new(Broken));
    let mut array = ArrowArray::empty();
    // SAFETY: as above.
    let code = unsafe { stream.get_next.unwrap()(&raw mut stream, &raw mut array) };
    assert_eq!(code, EIO);
}
