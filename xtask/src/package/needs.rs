//! What a binary needs of the system that it runs on.

use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{Dyn, FileHeader};

/// The oldest glibc that a package has to run with: Debian 10 and Ubuntu 18.10 had it. The one of the host's image is
/// not documented.
pub const OLDEST: Version = Version(2, 28);

/// The libraries that come with any glibc, and GCC's for unwinding, which every image with a C++ program has.
const OF_THE_SYSTEM: [&str; 7] =
    ["ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "librt.so.1"];

/// A version of glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32);

/// What a binary asks the loader for.
#[derive(Debug)]
pub struct Needs {
    /// The highest version of a symbol of glibc; none where it uses none.
    pub glibc: Option<Version>,
    pub libraries: Vec<String>,
}

impl Needs {
    /// Reads the version needs and libraries of an ELF binary for 64 bits.
    pub fn of(binary: &[u8]) -> Result<Self> {
        let header = FileHeader64::<Endianness>::parse(binary).context("not an ELF binary for 64 bits")?;
        let endian = header.endian()?;
        let sections = header.sections(endian, binary)?;
        let mut needs = Self { glibc: None, libraries: Vec::new() };
        if let Some((mut files, link)) = sections.gnu_verneed(endian, binary)? {
            let strings = sections.strings(endian, binary, link)?;
            while let Some((_, mut versions)) = files.next()? {
                while let Some(version) = versions.next()? {
                    needs.glibc = needs.glibc.max(Version::of_symbol(version.name(endian, strings)?));
                }
            }
        }
        if let Some((entries, link)) = sections.dynamic(endian, binary)? {
            let strings = sections.strings(endian, binary, link)?;
            for entry in entries.iter().filter(|entry| entry.tag(endian) == elf::DT_NEEDED) {
                needs.libraries.push(String::from_utf8_lossy(entry.string(endian, strings)?).into_owned());
            }
        }
        needs.libraries.sort();
        Ok(needs)
    }

    /// # Errors
    /// When it would not run on a system as old as `oldest`, or wants a library that not every system has.
    pub fn check(&self, oldest: Version) -> Result<()> {
        if let Some(glibc) = self.glibc {
            ensure!(glibc <= oldest, "the binary needs glibc {glibc}, and may need {oldest} at most");
        }
        match self.libraries.iter().find(|library| !OF_THE_SYSTEM.contains(&library.as_str())) {
            Some(library) => bail!("the binary needs {library}, which not every system has"),
            None => Ok(()),
        }
    }
}

impl Version {
    /// `GLIBC_2.17` is one, `GLIBC_PRIVATE` and `GCC_3.0` are none.
    fn of_symbol(name: &[u8]) -> Option<Self> {
        let version = str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
        let mut parts = version.split('.').map(|part| part.parse().ok());
        Some(Self(parts.next()??, parts.next()??))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.glibc {
            Some(glibc) => write!(f, "needs glibc {glibc}")?,
            None => write!(f, "needs no glibc")?,
        }
        write!(f, " ({})", self.libraries.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_symbols() {
        for (name, expected) in [
            ("GLIBC_2.34", Some(Version(2, 34))),
            ("GLIBC_2.2.5", Some(Version(2, 2))),
            ("GLIBC_PRIVATE", None),
            ("GCC_4.2.0", None),
            ("GLIBC_ABI_DT_RELR", None),
        ] {
            assert_eq!(Version::of_symbol(name.as_bytes()), expected, "{name}");
        }
        assert!(Version(2, 4) < Version(2, 28));
    }

    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    #[test]
    fn a_binary_of_this_machine_tells_its_needs() {
        let needs = Needs::of(&std::fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
        assert!(needs.libraries.iter().any(|library| library == "libc.so.6"), "{needs}");
        let glibc = needs.glibc.unwrap();
        assert!(glibc >= Version(2, 17), "{needs}");
        assert!(needs.check(glibc).is_ok());
        assert!(needs.check(Version(2, glibc.1 - 1)).is_err());
    }

    #[test]
    fn an_unusual_library_is_refused() {
        let needs = |library: &str| Needs { glibc: None, libraries: vec![library.to_owned()] };
        assert!(needs("libc.so.6").check(OLDEST).is_ok());
        assert!(needs("libssl.so.3").check(OLDEST).is_err());
        assert!(Needs::of(b"no binary at all").is_err());
    }
}
