//! The comparisons, one file for each group.

pub mod access;
pub mod attacks;
pub mod batches;
pub mod durability;
pub mod feed;
pub mod files;
pub mod handles;
pub mod labels;
pub mod lists;
pub mod pocketbase;
pub mod postgres;
pub mod reads;
pub mod reference;
pub mod start;
pub mod store;
pub mod studio;
pub mod writes;
