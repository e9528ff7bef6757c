//! A mail server that does as it is told: takes mail, refuses it, hangs, or breaks off. What it took is kept.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// What becomes of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Takes,
    /// Refuses the recipient, for now or for good, and repeats what it refuses.
    Refuses(&'static str),
    /// Refuses what was sent, once it has all of it.
    RefusesText(&'static str),
    /// Says nothing from the greeting on.
    Hangs,
    /// Says nothing once it has the text, and keeps none of it.
    HangsOverText,
    /// Takes the text and closes without an answer.
    CutsAfterText,
    /// Takes the text, says so, and closes at once.
    ClosesAfterTaking,
    /// Says that it has no STARTTLS, as somebody in between would have it say.
    OffersNoTls,
}

struct Desk {
    manner: Mutex<Manner>,
    taken: Mutex<Vec<String>>,
    connections: Mutex<u32>,
}

/// A server that ends with this value.
pub struct Smtp {
    desk: Arc<Desk>,
    pub port: u16,
    accepting: AbortHandle,
}

impl Smtp {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let desk = Arc::new(Desk {
            manner: Mutex::new(manner),
            taken: Mutex::default(),
            connections: Mutex::default(),
        });
        let at_desk = Arc::clone(&desk);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                *lock(&at_desk.connections) += 1;
                tokio::spawn(serve(Arc::clone(&at_desk), client));
            }
        });
        Self { desk, port, accepting: accepting.abort_handle() }
    }

    /// From the next mail on.
    pub fn be(&self, manner: Manner) {
        *lock(&self.desk.manner) = manner;
    }

    /// The texts that it has, those that it then cut off too.
    pub fn taken(&self) -> Vec<String> {
        lock(&self.desk.taken).clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> u32 {
        *lock(&self.desk.connections)
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(desk: Arc<Desk>, client: TcpStream) {
    // Whoever breaks off has been served.
    let _ = converse(&desk, client).await;
}

async fn converse(desk: &Desk, mut client: TcpStream) -> std::io::Result<()> {
    let (from, mut to) = client.split();
    let mut lines = BufReader::new(from).lines();
    if *lock(&desk.manner) == Manner::Hangs {
        while lines.next_line().await?.is_some() {}
        return Ok(());
    }
    to.write_all(b"220 mta.example\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let manner = *lock(&desk.manner);
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        let answer = match (verb.as_str(), manner) {
            ("EHLO", Manner::OffersNoTls) => "250 mta.example".to_owned(),
            ("EHLO", _) => "250-mta.example\r\n250 8BITMIME".to_owned(),
            ("RCPT", Manner::Refuses(answer)) => format!("{answer} {line}"),
            ("DATA", _) => {
                to.write_all(b"354 go on\r\n").await?;
                let mut text = Vec::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    text.push(line);
                }
                if manner == Manner::HangsOverText {
                    while lines.next_line().await?.is_some() {}
                    return Ok(());
                }
                if let Manner::RefusesText(answer) = manner {
                    // As much as an answer has room for: its longest word, which is a link or a part of it.
                    let word =
                        text.iter().flat_map(|line| line.split_whitespace()).max_by_key(|word| word.len());
                    format!("{answer} {}", word.unwrap_or_default())
                } else {
                    lock(&desk.taken).push(text.join("\n"));
                    match manner {
                        Manner::CutsAfterText => return Ok(()),
                        Manner::ClosesAfterTaking => {
                            to.write_all(b"250 taken\r\n").await?;
                            return Ok(());
                        }
                        _ => "250 taken".to_owned(),
                    }
                }
            }
            ("QUIT", _) => {
                to.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 well".to_owned(),
        };
        to.write_all(answer.as_bytes()).await?;
        to.write_all(b"\r\n").await?;
    }
    Ok(())
}
