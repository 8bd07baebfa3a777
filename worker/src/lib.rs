//! (being laid)
mod peers;
