//! How much memory a process holds, as its operating system sees it.

use anyhow::{Context, Result};

/// Resident memory in bytes.
#[derive(Clone, Copy)]
pub struct Resident {
    pub now: u64,
    /// The most there ever was, where the system keeps count.
    pub peak: Option<u64>,
}

#[cfg(target_os = "linux")]
pub fn resident(process: u32) -> Result<Resident> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).context("cannot read its status")?;
    let now = field(&status, "VmRSS:").context("its status names no VmRSS")?;
    Ok(Resident { now, peak: field(&status, "VmHWM:") })
}

#[cfg(not(target_os = "linux"))]
pub fn resident(process: u32) -> Result<Resident> {
    let output = std::process::Command::new("ps")
        .args(["-o", "rss=", "-p", &process.to_string()])
        .output()
        .context("cannot run ps")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let kilobytes: u64 = text.trim().parse().context("ps names no memory")?;
    Ok(Resident { now: kilobytes * 1024, peak: None })
}

#[cfg(target_os = "linux")]
fn field(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_holds_some() {
        let resident = super::resident(std::process::id()).unwrap();
        assert!(resident.now > 100_000);
        assert!(resident.peak.is_none_or(|peak| peak >= 100_000));
    }
}
