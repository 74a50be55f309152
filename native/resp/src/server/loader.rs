//! Reading missing blocks off the loop.
//!
//! **Theory.** A command that misses the cache is parked; a thread here reads the block; the command runs again.
//! One cold read stalls nobody else. Threads block on disk, not on processors, so there are more than cores.

use super::shared::{Message, Shared};
use hyperdb_graph::{Miss, Store};
use parking_lot::Mutex;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;

const THREADS: usize = 4;

/// Where the loop hands in what it misses; dropping it ends the threads.
pub(crate) struct Loader {
    queue: Sender<(u64, Miss)>,
}

impl Loader {
    pub(crate) fn start(
        store: &Arc<Store>,
        shared: &Arc<Shared>,
    ) -> io::Result<(Loader, Vec<JoinHandle<()>>)> {
        let (queue, misses) = mpsc::channel();
        let misses = Arc::new(Mutex::new(misses));
        let threads = (0..THREADS)
            .map(|_| {
                let (store, shared, misses) = (store.clone(), shared.clone(), misses.clone());
                std::thread::Builder::new()
                    .name("hyperdb-load".into())
                    .spawn(move || work(&store, &shared, &misses))
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok((Loader { queue }, threads))
    }

    pub(crate) fn load(&self, id: u64, miss: Miss) {
        // The threads end only after this sender is gone.
        let _sent = self.queue.send((id, miss));
    }
}

fn work(store: &Store, shared: &Shared, misses: &Mutex<Receiver<(u64, Miss)>>) {
    loop {
        let next = misses.lock().recv();
        let Ok((id, miss)) = next else {
            return;
        };
        let failure = store.db().load(&miss).err();
        shared.post(Message::Loaded {
            id,
            failure: failure.map(|error| format!("ERR {error}")),
        });
    }
}
