//! One test per rule, and both ends of a link together.
