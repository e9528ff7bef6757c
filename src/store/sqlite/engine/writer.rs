//! The one thread that writes. It takes what is waiting, does it in one transaction, and answers
//! only when that is on the disk: a group costs one sync, and nothing that was answered is lost.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::{Connection, TransactionBehavior, ffi};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::errors::{NotCommitted, ThreadEnded, away};
use crate::store::{error::StoreError, revocations::Change};

/// How many writes share a commit; more would not be cheaper and would keep the first ones waiting.
const GROUP: usize = 128;
/// How many writes may wait; who comes then waits for room without holding memory here.
const QUEUE: usize = 1024;
/// How often [`Upkeep::tick`] is called: so soon this process knows what another one has revoked.
const TICK: Duration = Duration::from_millis(40);

/// What goes on beside the writes, on their thread and connection.
pub(in crate::store::sqlite) trait Upkeep: Send {
    /// Takes in what was just committed, before those who asked for it are answered.
    fn committed(&mut self, changes: &[Change]);
    /// Between two groups, every [`TICK`].
    fn tick(&mut self, connection: &Connection);
}

/// A write in progress: the database, and what the revocation set learns if it is committed.
pub(in crate::store::sqlite) struct Step<'a> {
    pub(in crate::store::sqlite) db: &'a Connection,
    pub(in crate::store::sqlite) changes: Vec<Change>,
}

/// The way to the thread.
pub(in crate::store::sqlite) struct Writer {
    queue: Option<mpsc::Sender<QueuedWrite>>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

struct QueuedWrite {
    job: Box<dyn Write>,
    _room: OwnedSemaphorePermit,
}

/// A write whose result type only its caller knows.
trait Write: Send {
    /// Does the work; `false` = it failed and is to be undone.
    fn run(&mut self, step: &mut Step<'_>) -> bool;
    /// Tells the caller what came of it.
    fn answer(self: Box<Self>, commit: Result<(), NotCommitted>);
}

struct TypedWrite<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Write for TypedWrite<T, F>
where
    T: Send,
    F: FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, step: &mut Step<'_>) -> bool {
        self.result = self.work.take().map(|work| work(step));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, commit: Result<(), NotCommitted>) {
        let answer = match (self.result, commit) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(not_committed)) => Err(away(not_committed)),
            (Some(done), Ok(())) => done,
            (None, Ok(())) => Err(away(ThreadEnded)),
        };
        // A caller that has hung up has nobody to tell; what it asked for is done all the same.
        let _ = self.caller.send(answer);
    }
}

impl Writer {
    pub(in crate::store::sqlite) fn start(
        connection: Connection,
        upkeep: impl Upkeep + 'static,
    ) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel();
        let thread = Thread { connection, jobs, upkeep: Box::new(upkeep) };
        let thread = thread::Builder::new().name("sqlite-writer".into()).spawn(move || thread.run())?;
        Ok(Self { queue: Some(queue), room: Arc::new(Semaphore::new(QUEUE)), thread: Some(thread) })
    }

    /// Does one write and returns when it is on the disk. It is done to the end even if the caller
    /// stops waiting.
    pub(in crate::store::sqlite) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(away)?;
        let (caller, answer) = oneshot::channel();
        let job = Box::new(TypedWrite { work: Some(work), result: None, caller });
        let queue = self.queue.as_ref().ok_or_else(|| away(ThreadEnded))?;
        queue.send(QueuedWrite { job, _room: room }).map_err(|_| away(ThreadEnded))?;
        answer.await.map_err(|_| away(ThreadEnded))?
    }
}

impl Drop for Writer {
    /// Closes the queue, upon which the thread does what is left in it and ends.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    connection: Connection,
    jobs: mpsc::Receiver<QueuedWrite>,
    upkeep: Box<dyn Upkeep>,
}

impl Thread {
    fn run(mut self) {
        let mut tick_at = Instant::now() + TICK;
        loop {
            match self.jobs.recv_timeout(tick_at.saturating_duration_since(Instant::now())) {
                Ok(first) => self.do_group(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // By time and not by idleness: a busy server must hear of others' revocations too.
            if Instant::now() >= tick_at {
                self.upkeep.tick(&self.connection);
                tick_at = Instant::now() + TICK;
            }
        }
    }

    fn do_group(&mut self, first: QueuedWrite) {
        // Nobody is waited for: what came during the last commit is the group, so that groups grow by
        // themselves where the disk is slow or the server busy, and a single write waits for one sync alone.
        let mut group = Vec::with_capacity(8);
        group.push(first);
        group.extend(self.jobs.try_iter().take(GROUP - 1));
        let commit = commit(&mut self.connection, &mut group).map_err(NotCommitted::from);
        // The set before the callers: who is told that a session is over may rely on it here.
        let commit = commit.map(|changes| self.upkeep.committed(&changes));
        for QueuedWrite { job, .. } in group {
            job.answer(commit.clone());
        }
    }
}

fn commit(connection: &mut Connection, group: &mut [QueuedWrite]) -> rusqlite::Result<Vec<Change>> {
    // Immediate: a transaction that began as a reader could not wait for another process's write.
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut changes = Vec::new();
    for waiting in group {
        let mut savepoint = transaction.savepoint()?;
        let mut step = Step { db: &savepoint, changes: Vec::new() };
        if waiting.job.run(&mut step) {
            changes.append(&mut step.changes);
        } else if savepoint.is_autocommit() {
            // A full disk or a failed read has undone the whole transaction, the others' part too.
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ABORT_ROLLBACK), None));
        } else {
            savepoint.rollback()?;
        }
        savepoint.commit()?;
    }
    transaction.commit()?;
    Ok(changes)
}
