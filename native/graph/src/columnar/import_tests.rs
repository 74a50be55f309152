//! What `export` writes, read again; batches that are none.
#![allow(clippy::unwrap_used)]

use super::super::{Batch as Own, Column, Form};
use super::*;
use std::sync::Arc;

fn column(form: Form, values: &[Option<&[u8]>]) -> Arc<Column> {
    let mut column = Column::new(form);
    values.iter().for_each(|value| column.push(*value).unwrap());
    Arc::new(column)
}

fn taken(columns: &[(Form, Arc<Column>)], rows: usize) -> Result<Batch, Unread> {
    let named: Vec<(String, Form)> = columns
        .iter()
        .map(|(form, _)| (String::new(), form.clone()))
        .collect();
    let mut schema = ArrowSchema::of(&named);
    let mut array = ArrowArray::of(&Own {
        rows,
        columns: columns.iter().map(|(_, column)| column.clone()).collect(),
    });
    // SAFETY: both structs are live and this function's own.
    unsafe { Batch::take(&raw mut schema, &raw mut array) }
}

fn all(batch: &Batch, column: usize) -> Vec<Option<Option<&[u8]>>> {
    let view = batch.view(column).unwrap();
    (0..=batch.rows()).map(|row| view.value(row)).collect()
}

#[test]
fn values_come_back_and_are_let_go_with_the_batch() {
    let (five, nine) = (5i32.to_le_bytes(), [9u8; 16]);
    let numbers: &[Option<&[u8]>] = &[Some(&five), None, Some(&five)];
    let columns = [
        (Form::Int32, column(Form::Int32, numbers)),
        (
            Form::Bool,
            column(Form::Bool, &[Some(&[1]), Some(&[0]), None]),
        ),
        (
            Form::Text,
            column(Form::Text, &[Some(b""), Some(b"abc"), None]),
        ),
        (
            Form::Uuid,
            column(Form::Uuid, &[Some(&nine), Some(&nine), Some(&nine)]),
        ),
    ];
    let batch = taken(&columns, 3).unwrap();
    assert_eq!(
        (
            batch.rows(),
            batch.width(),
            batch.format(2),
            batch.format(4)
        ),
        (3, 4, Some("u"), None)
    );
    assert_eq!(
        all(&batch, 0),
        [
            Some(Some(&five[..])),
            Some(None),
            Some(Some(&five[..])),
            None
        ]
    );
    assert_eq!(
        all(&batch, 1),
        [Some(Some(&[1][..])), Some(Some(&[0][..])), Some(None), None]
    );
    assert_eq!(
        all(&batch, 2),
        [
            Some(Some(&b""[..])),
            Some(Some(&b"abc"[..])),
            Some(None),
            None
        ]
    );
    assert_eq!(all(&batch, 3)[..3], [Some(Some(&nine[..])); 3]);
    assert!(batch.view(4).is_none());
    assert_eq!(Arc::strong_count(&columns[0].1), 2);
    drop(batch);
    assert_eq!(Arc::strong_count(&columns[0].1), 1);
}

#[test]
fn a_slice_of_a_batch_begins_where_it_says() {
    let values: Vec<[u8; 4]> = (0i32..20).map(i32::to_le_bytes).collect();
    let column = column(
        Form::Int32,
        &values
            .iter()
            .enumerate()
            .map(|(at, value)| (at % 3 > 0).then_some(&value[..]))
            .collect::<Vec<_>>(),
    );
    let mut schema = ArrowSchema::of(&[(String::new(), Form::Int32)]);
    let mut array = ArrowArray::of(&Own {
        rows: 20,
        columns: vec![column],
    });
    // A consumer may be given the rows from the 4th on as an offset of the batch and one of the column, which add up.
    array.offset = 1;
    array.length = 16;
    // SAFETY: the array is live and has one child.
    unsafe {
        let child = &mut **array.children;
        (child.offset, child.length) = (3, 17);
    }
    // SAFETY: as above.
    let batch = unsafe { Batch::take(&raw mut schema, &raw mut array) }.unwrap();
    let view = batch.view(0).unwrap();
    let found: Vec<_> = (0..16).map(|row| view.value(row).unwrap()).collect();
    let wanted: Vec<_> = (4..20)
        .map(|at| (at % 3 > 0).then_some(&values[at][..]))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn what_is_nested_or_labelled_is_told_by_its_format() {
    let list = Form::List(Box::new(Form::Int32));
    let labels = Form::Enum(Arc::new(vec![(1, "a".into())]));
    for (form, told) in [
        (list, "+l"),
        (labels, "i"),
        (Form::Interval, "tin"),
        (Form::TimeNanos, "ttn"),
    ] {
        let found = taken(&[(form.clone(), column(form, &[]))], 0).map(|_| ());
        assert_eq!(found, Err(Unread::Format(told.into())));
    }
}

#[test]
fn structs_that_contradict_each_other_are_refused() {
    let column = column(Form::Int32, &[Some(&[1, 0, 0, 0])]);
    let whole = || {
        let schema = ArrowSchema::of(&[(String::new(), Form::Int32)]);
        (
            schema,
            ArrowArray::of(&Own {
                rows: 1,
                columns: vec![column.clone()],
            }),
        )
    };
    let breaks: [fn(&mut ArrowSchema, &mut ArrowArray); 6] = [
        |schema, _| *schema = ArrowSchema::empty(),
        |_, array| *array = ArrowArray::empty(),
        |_, array| array.length = 2,
        |_, array| array.length = -1,
        |_, array| array.offset = 1,
        |schema, _| *schema = ArrowSchema::of(&[]),
    ];
    for broken in breaks {
        let (mut schema, mut array) = whole();
        broken(&mut schema, &mut array);
        // SAFETY: both structs are live and this test's own; what was broken is looked at before it is followed.
        let found = unsafe { Batch::take(&raw mut schema, &raw mut array) };
        assert_eq!(found.map(|_| ()), Err(Unread::Malformed));
        assert!(schema.release.is_none() && array.release.is_none());
    }
    assert_eq!(Arc::strong_count(&column), 1);
}
