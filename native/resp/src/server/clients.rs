//! All connections, by slot (what the poller knows) and by id (what never comes again).

use super::client::Client;
use hashbrown::HashMap;

/// Index of a connection while it lives; used again afterwards.
pub(crate) type Slot = usize;

#[derive(Default)]
pub(crate) struct Clients {
    slots: Vec<Option<Box<Client>>>,
    free: Vec<Slot>,
    by_id: HashMap<u64, Slot>,
    last_id: u64,
}

impl Clients {
    /// The number for the next connection.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Where the next one will be put.
    pub(crate) fn next_slot(&self) -> Slot {
        self.free.last().copied().unwrap_or(self.slots.len())
    }

    pub(crate) fn insert(&mut self, client: Client) -> Slot {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        self.by_id.insert(client.id, slot);
        self.slots[slot] = Some(Box::new(client));
        slot
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Box<Client>> {
        let client = self.slots.get_mut(slot)?.take()?;
        self.by_id.remove(&client.id);
        self.free.push(slot);
        Some(client)
    }

    /// A client that is known to be there: its slot was given by a list that forgets closed ones, or by the
    /// command that it runs.
    #[inline]
    #[allow(clippy::expect_used)]
    pub(crate) fn at(&mut self, slot: Slot) -> &mut Client {
        self.slots[slot].as_mut().expect("slot of a live client")
    }

    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> Option<&Client> {
        self.slots.get(slot)?.as_deref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Client> {
        self.slots.get_mut(slot)?.as_deref_mut()
    }

    pub(crate) fn slot_of(&self, id: u64) -> Option<Slot> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Slots that are in use, in order.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        (0..self.slots.len())
            .filter(|slot| self.slots[*slot].is_some())
            .collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Client)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(slot, client)| Some((slot, client.as_deref()?)))
    }
}
