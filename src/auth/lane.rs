//! Password hashing has a lane of its own: a fixed set of threads, a bounded queue before them,
//! memory reused. A flood of sign-ins fills the queue and is turned away at once; everything else
//! goes on as before.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::argon::{self, BadHash, Memory, Verdict};
use crate::domain::secret::{Password, PasswordHash};

/// How long a thread keeps the 19 MiB of its last hash before it gives them back.
const MEMORY_KEPT: Duration = Duration::from_secs(5);

/// The queue is full, or the lane is closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded;

/// What can go wrong once a turn has come.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The stored hash is not usable.
    #[error(transparent)]
    BadHash(#[from] BadHash),
    /// A hashing thread is gone.
    #[error("the hashing threads are gone")]
    Closed,
}

/// The lane.
pub struct PasswordLane {
    places: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    work: Sender<Job>,
    dummy: PasswordHash,
}

/// The right to one hash after another on one thread. Whoever holds it is the only one that does;
/// it travels with the hash, so a client that hangs up frees nothing early.
pub struct Turn {
    work: Sender<Job>,
    _thread: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

impl PasswordLane {
    /// Starts `threads` hashing threads with room for `queue` waiting callers.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(threads: NonZeroUsize, queue: usize) -> Result<Self, LaneError> {
        let (work, jobs) = channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads.get() {
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new().name(format!("argon2-{number}"));
            thread.spawn(move || run(&jobs)).map_err(|_| LaneError::Closed)?;
        }
        Ok(Self {
            places: Arc::new(Semaphore::new(threads.get() + queue)),
            threads: Arc::new(Semaphore::new(threads.get())),
            work,
            dummy: argon::dummy()?,
        })
    }

    /// Waits for a thread; refuses at once when the queue is full.
    pub async fn turn(&self) -> Result<Turn, Overloaded> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Overloaded)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| Overloaded)?;
        Ok(Turn { work: self.work.clone(), _thread: thread, _place: place })
    }

    /// What an unknown user's password is compared with.
    #[must_use]
    pub const fn dummy(&self) -> &PasswordHash {
        &self.dummy
    }
}

impl Turn {
    /// Compares a password with a stored hash.
    pub async fn verify(
        self,
        password: &Password,
        stored: &PasswordHash,
    ) -> Result<(Verdict, Self), LaneError> {
        let (password, stored) = (password.clone(), stored.clone());
        self.run(move |memory| argon::verify(&password, &stored, memory)).await
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
        let queue = self.work.clone();
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
