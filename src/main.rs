//! The binary: everything is in the library, so that tests can run it too.
fn main() {}
