//! Whether the process may have as many file descriptors as its settings ask for.

use tracing::warn;

/// What the gateway needs besides callers' connections: for the database, providers and files.
const OTHERS: u64 = 100;

/// Says so where there are too few: a process that runs out of them cannot reach its database or the
/// providers either.
pub(super) fn warn_of_too_few(max_connections: u32) {
    let needed = u64::from(max_connections) + OTHERS;
    // Where this cannot be read, nothing is known, and nothing is said.
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(limit) = open_files(&limits)
        && limit < needed
    {
        warn!(
            limit,
            needed,
            "the process may have fewer file descriptors than server.max_connections asks for; raise \
             the limit (LimitNOFILE, ulimit -n) or lower the setting"
        );
    }
}

/// The soft limit; none where there is none.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             63204                63204                processes\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(open_files(&limits.replace("1024 ", "unlimited")), None);
        assert_eq!(open_files(""), None);
        assert!(open_files(&std::fs::read_to_string("/proc/self/limits").unwrap()).is_some());
    }
}
