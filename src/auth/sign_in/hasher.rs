//! Password hashing has threads of its own, as many as cores, with memory that is reused and a bounded queue
//! before them. A flood of sign-ins fills the queue and is refused at once; everything else goes on as before.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

pub use super::queue::{Capacity, Party};
use super::{
    argon::{self, PasswordMatch},
    argon2id::Memory,
    bad_hash::BadHash,
    queue::{HashQueue, Place},
};
use crate::domain::secret::{Password, PasswordHash};

/// How long a thread keeps the 19 MiB of its last hash before it gives them back.
const MEMORY_KEPT: Duration = Duration::from_secs(5);

/// How many permits keep so many threads busy: a fourth more than threads. Whoever has a permit asks the counters,
/// before the hash and after it; in Redis these are some six trips, for which a thread would stand still.
#[must_use]
pub const fn permits(threads: usize) -> usize {
    threads + threads.div_ceil(4)
}

/// The queue is full, or was and somebody who holds less of it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded;

/// What can go wrong with the threads and on them.
#[derive(Debug, thiserror::Error)]
pub enum HasherError {
    /// A hash could not be made.
    #[error(transparent)]
    BadHash(#[from] BadHash),
    /// A thread cannot be started.
    #[error("a hashing thread cannot be started")]
    NotStarted(#[source] io::Error),
    /// A hash ended in a panic, of which the log tells.
    #[error("a hashing thread panicked")]
    Panicked,
}

/// Hashes and compares passwords, for whoever has a permit.
pub struct PasswordHasher(Arc<Shared>);

struct Shared {
    queue: Mutex<HashQueue<oneshot::Sender<Permit>>>,
    jobs: Arc<Jobs>,
    dummy: PasswordHash,
}

/// The right to one hash after another. It travels with the hash to the thread and back, so that a client that
/// hangs up frees nothing before the thread is free.
pub struct Permit {
    hasher: Arc<Shared>,
    party: Party,
}

/// A place in the queue, given up by whoever waits no longer.
struct Waiting<'a> {
    hasher: &'a Arc<Shared>,
    position: Place,
}

impl PasswordHasher {
    /// Starts the hashing threads.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(threads: usize, capacity: Capacity) -> Result<Self, HasherError> {
        let jobs = Arc::new(Jobs::default());
        // Made first: when it is dropped, the threads that were started so far end.
        let shared = Arc::new(Shared {
            queue: Mutex::new(HashQueue::new(capacity)),
            jobs: Arc::clone(&jobs),
            dummy: argon::dummy()?,
        });
        for number in 0..threads {
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new().name(format!("argon2-{number}"));
            thread.spawn(move || run(&jobs)).map_err(HasherError::NotStarted)?;
        }
        Ok(Self(shared))
    }

    /// Waits for a permit; refuses at once when the queue is full of those who hold no more of it.
    pub async fn permit(&self, party: Party) -> Result<Permit, Overloaded> {
        let (ticket, granted) = oneshot::channel();
        let position = self.0.change(|queue| queue.enter(party, ticket));
        let _waiting = Waiting { hasher: &self.0, position };
        granted.await.map_err(|_| Overloaded)
    }
}

impl Shared {
    /// Changes the queue, and hands out the permits that are free by that.
    fn change<R>(self: &Arc<Self>, change: impl FnOnce(&mut HashQueue<oneshot::Sender<Permit>>) -> R) -> R {
        // No change is left half done by a panic.
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut queue);
        let granted = queue.grant();
        // Unlocked first: the permit of whoever hung up in this moment is dropped below, and its drop locks again.
        drop(queue);
        for (party, ticket) in granted {
            drop(ticket.send(Permit { hasher: Arc::clone(self), party }));
        }
        changed
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.jobs.close();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.hasher.change(|queue| queue.abandon(self.position));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.hasher.change(|queue| queue.release(&self.party));
    }
}

impl Permit {
    /// Compares a password with a stored hash; without one, in the same time, with one that no password has.
    pub async fn verify(
        self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<(PasswordMatch, Self), HasherError> {
        let dummy = self.hasher.dummy.clone();
        let (password, stored) = (password.clone(), stored.cloned().unwrap_or_else(|| dummy.clone()));
        self.run(move |memory| argon::verify(&password, &stored, &dummy, memory)).await
    }

    pub async fn hash(self, password: &Password) -> Result<(PasswordHash, Self), HasherError> {
        let password = password.clone();
        self.run(move |memory| argon::hash(&password, memory)).await
    }

    /// Runs something else that takes milliseconds of a core.
    pub async fn compute<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Self), HasherError> {
        self.run(move |_| Ok(work())).await
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Memory) -> Result<T, BadHash> + Send + 'static,
    ) -> Result<(T, Self), HasherError> {
        let (answer, answered) = oneshot::channel();
        let jobs = Arc::clone(&self.hasher.jobs);
        jobs.push(Box::new(move |memory| {
            let result = work(memory);
            // Where the caller is gone, the permit ends here, after the hash.
            drop(answer.send((result, self)));
        }));
        let (result, permit) = answered.await.map_err(|_| HasherError::Panicked)?;
        Ok((result?, permit))
    }
}

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// What the hashing threads have to do, oldest first. There is never more of it than there are permits.
#[derive(Default)]
struct Jobs {
    state: Mutex<JobState>,
    changed: Condvar,
}

#[derive(Default)]
struct JobState {
    waiting: VecDeque<Job>,
    closed: bool,
}

/// What a thread finds.
enum Next {
    Job(Job),
    /// For so long there was nothing to do.
    Idle,
    Closed,
}

impl Jobs {
    fn state(&self) -> MutexGuard<'_, JobState> {
        // Nothing that can panic is done under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) {
        self.state().waiting.push_back(job);
        self.changed.notify_one();
    }

    fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Waits for a job. Each thread by its own clock: where one waited for the lock that another holds while it
    /// waits for a job, the other's patience would come before its own.
    fn next(&self, patience: Duration) -> Next {
        let idle = |state: &mut JobState| state.waiting.is_empty() && !state.closed;
        let waited = self.changed.wait_timeout_while(self.state(), patience, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match state.waiting.pop_front() {
            Some(job) => Next::Job(job),
            None if state.closed => Next::Closed,
            None => Next::Idle,
        }
    }
}

fn run(jobs: &Jobs) {
    let mut memory = Memory::default();
    loop {
        match jobs.next(MEMORY_KEPT) {
            // A panic ends one hash. Were it to end the thread, the callers of later ones would wait for ever.
            Next::Job(job) => drop(catch_unwind(AssertUnwindSafe(|| job(&mut memory)))),
            Next::Idle => memory.release(),
            Next::Closed => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// With one thread.
    fn hasher(permits: usize, waiting: usize) -> PasswordHasher {
        let capacity = Capacity { permits, waiting, per_account: permits };
        PasswordHasher::start(1, capacity).expect("starts")
    }

    #[tokio::test]
    async fn a_permit_travels_with_the_hash_and_back() {
        let hasher = hasher(1, 0);
        let permit = hasher.permit(Party::default()).await.expect("free");
        let password = Password::parse("one").expect("valid");
        let (stored, permit) = permit.hash(&password).await.expect("hashes");
        assert_eq!(hasher.permit(Party::default()).await.err(), Some(Overloaded));
        let (verdict, permit) = permit.verify(&password, Some(&stored)).await.expect("compares");
        assert!(matches!(verdict, PasswordMatch::Right));
        let (verdict, permit) = permit.verify(&password, None).await.expect("compares");
        assert!(matches!(verdict, PasswordMatch::Wrong));
        drop(permit);
        hasher.permit(Party::default()).await.expect("free again");
    }

    #[tokio::test]
    async fn whoever_hangs_up_keeps_the_permit_until_the_thread_is_free() {
        let hasher = hasher(1, 1);
        let permit = hasher.permit(Party::default()).await.expect("free");
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let hung_up = tokio::time::timeout(Duration::ZERO, permit.compute(move || gone.recv())).await;
        assert!(hung_up.is_err());
        let mut next = std::pin::pin!(hasher.permit(Party::default()));
        assert!(tokio::time::timeout(Duration::ZERO, &mut next).await.is_err());
        go.send(()).expect("the thread is still at it");
        next.await.expect("a permit");
    }

    #[tokio::test]
    async fn a_hash_may_wait_for_its_thread() {
        let hasher = hasher(permits(1), 0);
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let busy = hasher.permit(Party::default()).await.expect("free");
        let mut busy = std::pin::pin!(busy.compute(move || gone.recv()));
        assert!(tokio::time::timeout(Duration::ZERO, &mut busy).await.is_err());
        let next = hasher.permit(Party::default()).await.expect("one ahead");
        assert_eq!(hasher.permit(Party::default()).await.err(), Some(Overloaded));
        let mut next = std::pin::pin!(next.compute(|| 1));
        assert!(tokio::time::timeout(Duration::ZERO, &mut next).await.is_err());
        go.send(()).expect("the thread is still at it");
        assert_eq!(next.await.ok().map(|(one, _)| one), Some(1));
        assert!(busy.await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_one_caller() {
        let hasher = hasher(1, 1);
        let permit = hasher.permit(Party::default()).await.expect("free");
        let failed = permit.compute(|| panic!("on purpose")).await;
        assert!(matches!(failed.err(), Some(HasherError::Panicked)));
        let permit = hasher.permit(Party::default()).await.expect("free again");
        assert_eq!(permit.compute(|| 1).await.ok().map(|(one, _)| one), Some(1));
    }

    #[test]
    fn idle_threads_notice_it_at_the_same_time() {
        let (jobs, patience) = (Jobs::default(), Duration::from_millis(200));
        let begun = Instant::now();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert!(matches!(jobs.next(patience), Next::Idle)));
            }
        });
        assert!(begun.elapsed() < patience * 4, "one after another: {:?}", begun.elapsed());
    }
}
