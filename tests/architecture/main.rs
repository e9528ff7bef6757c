//! Keeps the sources in the order that `docs/architecture.md` draws. Reads the text as rustfmt leaves it; it
//! does not see through macros.

mod circles;
mod form;
mod names;
mod paths;
mod rooms;
mod source;
