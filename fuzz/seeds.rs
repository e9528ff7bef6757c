//! Writes the genuine inputs of every target into its corpus, for the fuzzer to start from.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    for target in bodies::TARGETS {
        let folder = Path::new("corpus").join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
