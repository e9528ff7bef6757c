//! Password hashing has a lane of its own: a fixed set of threads, a bounded queue before them,
//! memory reused. A flood of sign-ins fills the queue and is turned away at once; everything else
//! goes on as before.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

pub use super::line::{Party, Room};
use super::{
    argon::{self, BadHash, Verdict},
    argon2id::Memory,
    line::{Line, Place},
};
use crate::domain::secret::{Password, PasswordHash};

/// How long a thread keeps the 19 MiB of its last hash before it gives them back.
const MEMORY_KEPT: Duration = Duration::from_secs(5);

/// The queue is full, somebody who holds less of it came, or the lane is closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded;

/// What can go wrong once a turn has come.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// A hash could not be made.
    #[error(transparent)]
    BadHash(#[from] BadHash),
    /// A hashing thread is gone.
    #[error("the hashing threads are gone")]
    Closed,
}

/// The lane.
pub struct PasswordLane(Arc<Shared>);

struct Shared {
    line: Mutex<Line<oneshot::Sender<Turn>>>,
    work: Sender<Job>,
    dummy: PasswordHash,
}

/// The right to one hash after another on one thread. Whoever holds it is the only one that does;
/// it travels with the hash, so a client that hangs up frees nothing early.
pub struct Turn {
    lane: Arc<Shared>,
    party: Party,
}

/// A place in the line, given up by whoever waits no longer.
struct Waiting<'a> {
    lane: &'a Arc<Shared>,
    place: Place,
}

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

impl PasswordLane {
    /// Starts the hashing threads, with room for those who wait.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(room: Room) -> Result<Self, LaneError> {
        let (work, jobs) = channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..room.threads {
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new().name(format!("argon2-{number}"));
            thread.spawn(move || run(&jobs)).map_err(|_| LaneError::Closed)?;
        }
        let line = Mutex::new(Line::new(room));
        Ok(Self(Arc::new(Shared { line, work, dummy: argon::dummy()? })))
    }

    /// Waits for a thread; refuses at once when the queue is full of those who hold no more of it.
    pub async fn turn(&self, party: Party) -> Result<Turn, Overloaded> {
        let (ticket, called) = oneshot::channel();
        let place = self.0.change(|line| line.enter(party, ticket));
        let _waiting = Waiting { lane: &self.0, place };
        called.await.map_err(|_| Overloaded)
    }
}

impl Shared {
    /// Changes the line, and calls those whose turn has come by that.
    fn change<R>(self: &Arc<Self>, change: impl FnOnce(&mut Line<oneshot::Sender<Turn>>) -> R) -> R {
        // No change is left half done by a panic.
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut line);
        let called = line.call();
        // Whoever hung up in this moment gives the turn back, which changes the line once more.
        drop(line);
        for (party, ticket) in called {
            drop(ticket.send(Turn { lane: Arc::clone(self), party }));
        }
        changed
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.lane.change(|line| line.abandon(self.place));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.lane.change(|line| line.leave(&self.party));
    }
}

impl Turn {
    /// Compares a password with a stored hash; without one, in the same time, with one that no password
    /// has.
    pub async fn verify(
        self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<(Verdict, Self), LaneError> {
        let dummy = self.lane.dummy.clone();
        let (password, stored) = (password.clone(), stored.cloned().unwrap_or_else(|| dummy.clone()));
        self.run(move |memory| argon::verify(&password, &stored, &dummy, memory)).await
    }

    /// Hashes a password.
    pub async fn hash(self, password: &Password) -> Result<(PasswordHash, Self), LaneError> {
        let password = password.clone();
        self.run(move |memory| argon::hash(&password, memory)).await
    }

    /// Runs something else that takes milliseconds of a core.
    pub async fn compute<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Self), LaneError> {
        self.run(move |_| Ok(work())).await
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Memory) -> Result<T, BadHash> + Send + 'static,
    ) -> Result<(T, Self), LaneError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.lane.work.clone();
        let job: Job = Box::new(move |memory| {
            let result = work(memory);
            // Where the caller is gone, the turn ends here, after the hash.
            drop(answer.send((result, self)));
        });
        queue.send(job).map_err(|_| LaneError::Closed)?;
        let (result, turn) = answered.await.map_err(|_| LaneError::Closed)?;
        Ok((result?, turn))
    }
}

fn run(jobs: &Mutex<Receiver<Job>>) {
    let mut memory = Memory::default();
    loop {
        // The lock is held while waiting: the others wait for the lock instead, which is the same.
        let job = match jobs.lock() {
            Ok(jobs) => jobs.recv_timeout(MEMORY_KEPT),
            Err(_) => return,
        };
        match job {
            Ok(job) => job(&mut memory),
            Err(RecvTimeoutError::Timeout) => memory.release(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
