//! Writes the genuine inputs of every target into its corpus, for the fuzzer to start from.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let corpora = [
        ("access_token", bodies::access_token_seeds()),
        ("refresh_token", bodies::refresh_token_seeds()),
        ("request_body", bodies::request_body_seeds()),
        ("forwarded", bodies::forwarded_seeds()),
    ];
    for (target, seeds) in corpora {
        let folder = Path::new("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
