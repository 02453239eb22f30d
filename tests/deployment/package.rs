//! The root of the function app.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The package, in a folder of its own. As it is deployed, but that what is gathered need not be waited for a minute.
pub fn root() -> TempDir {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (host, functions, binary) = match env::var_os("INEVENT_PACKAGE").map(PathBuf::from) {
        Some(package) => (package.join("host.json"), package.clone(), package.join("inevent-d365")),
        None => (checkout.join("host.json"), checkout.join("functions"), env!("CARGO_BIN_EXE_inevent-d365").into()),
    };
    let root = tempfile::tempdir().unwrap();
    fs::copy(host, root.path().join("host.json")).unwrap();
    link(&binary, &root.path().join("inevent-d365")).unwrap();
    for function in fs::read_dir(functions).unwrap() {
        let function = function.unwrap().path();
        let Ok(definition) = fs::read_to_string(function.join("function.json")) else { continue };
        let folder = root.path().join(function.file_name().unwrap());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("function.json"), definition.replace("0 * * * * *", "* * * * * *")).unwrap();
    }
    root
}

/// A binary with a debug build's symbols is large, and may lie on another disk.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}
