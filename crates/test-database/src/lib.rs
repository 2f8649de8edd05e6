//! test-database
