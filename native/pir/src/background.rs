//! Threads for work that waits behind everything else of the machine.
//!
//! **Theory.** A pass over a matrix takes all the processors that it gets, for tens of milliseconds, while other clients of the same
//! store wait for microseconds. What is done here runs at a lower priority: where a processor is free nothing changes, and where
//! none is the others go first. Priority belongs to a thread and can be lowered but not raised again, so the thread that calls does
//! none of the work.

use std::thread;

/// What a thread's work is worth beside other work: about a quarter of a processor that both want.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Runs the same work on so many threads, at least one, and gives what each one made.
pub(crate) fn run<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    let work = || {
        lower_priority();
        work()
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let joined = all.into_iter().map(|thread| match thread.join() {
            Ok(made) => made,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    })
}

#[cfg(target_os = "linux")]
fn lower_priority() {
    // On Linux the number of a thread serves as that of a process here. A refusal costs no more than priority.
    let _refused = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
