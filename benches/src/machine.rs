//! The machine that figures depend on, in words that say enough to compare machines and too little
//! to find this one.

use std::fs;

use serde_json::{Value, json};

/// Kernel, processor, cores and memory.
pub fn facts() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, word: &str| {
        let line = text.lines().find(|line| line.starts_with(word)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_string()).unwrap_or_default()
    };
    let memory_kib: u64 = after(&read("/proc/meminfo"), "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    json!({
        // After the second number comes the build of the distribution or the host.
        "kernel": kernel.split('.').take(2).collect::<Vec<_>>().join("."),
        "processor": after(&read("/proc/cpuinfo"), "model name"),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory_gib": memory_kib >> 20,
    })
}

/// The facts in a sentence.
pub fn words() -> String {
    let facts = facts();
    let text = |name: &str| facts[name].as_str().unwrap_or_default().to_string();
    format!(
        "{} cores ({}), {} GiB of memory, Linux {}",
        facts["cores"],
        text("processor"),
        facts["memory_gib"],
        text("kernel")
    )
}

/// Runnable processes over the last minute, for each core: above a half, the machine had other
/// work.
pub fn load_per_core() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 =
        text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let cores =
        u16::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1);
    load / f64::from(cores)
}

/// Resident memory of a process in MB; `None` when it is gone.
pub fn resident_mb(pid: u64) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().trim_end_matches(" kB");
    kib.parse::<f64>().ok().map(|kib| kib * 1024.0 / 1e6)
}
