//! Log lines on their way out. A disk that is full or a reader that is gone or asleep costs lines, and
//! nothing else: whoever logs waits for nobody, and what is lost is counted.

use std::{
    io::{self, Write},
    sync::{
        OnceLock,
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::MakeWriter;

use crate::measures::table::LOG_LINES_LOST;

/// Lines that may wait for a reader who is slow.
const WAITING: usize = 1_024;
/// How long an end waits for the last lines to be read.
const LAST_LINES: Duration = Duration::from_secs(1);

static WRITER: OnceLock<SyncSender<Message>> = OnceLock::new();

enum Message {
    Line(Vec<u8>),
    /// To be answered once all lines before it are written.
    Flush(Sender<()>),
}

/// Where lines are handed over.
#[derive(Clone)]
pub(super) struct Lines(SyncSender<Message>);

/// Has the last lines written, as far as they are read, when it is dropped.
#[derive(Debug)]
pub struct LastLines(());

impl LastLines {
    pub(super) const fn awaited() -> Self {
        Self(())
    }
}

impl Lines {
    /// Begins to write to standard error, at the first call.
    pub(super) fn start() -> io::Result<Self> {
        if let Some(sender) = WRITER.get() {
            return Ok(Self(sender.clone()));
        }
        let (sender, receiver) = sync_channel(WAITING);
        thread::Builder::new().name("log".into()).spawn(move || write(&receiver))?;
        Ok(Self(WRITER.get_or_init(|| sender).clone()))
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Lines {
    /// One line, whole: that is how the formatter writes. It never fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.try_send(Message::Line(line.to_vec())).is_err() {
            lost();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LastLines {
    fn drop(&mut self) {
        let Some(sender) = WRITER.get() else { return };
        let deadline = Instant::now() + LAST_LINES;
        let (written, all_are) = channel();
        let mut message = Message::Flush(written);
        while let Err(TrySendError::Full(again)) = sender.try_send(message) {
            if Instant::now() > deadline {
                return;
            }
            message = again;
            thread::sleep(Duration::from_millis(5));
        }
        // Whether they were read or not: the time is over, or there was nobody to write them.
        let _ = all_are.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

/// The one thread that may wait for whoever reads.
fn write(messages: &Receiver<Message>) {
    for message in messages {
        match message {
            Message::Line(line) => {
                if io::stderr().write_all(&line).is_err() {
                    lost();
                }
            }
            Message::Flush(written) => {
                // Whoever asked may have gone.
                let _ = written.send(());
            }
        }
    }
}

fn lost() {
    LOG_LINES_LOST.count(&[]);
}
