//! Who may call an HTTP function.

use super::function::AuthLevel;

/// The keys the local host accepts, in `x-functions-key` or `?code=`.
#[derive(Debug, Clone, Default)]
pub struct FunctionKeys {
    /// Host and function keys: good for functions with `authLevel` `function`.
    pub function: Vec<String>,
    /// The master key: good for every function.
    pub master: Option<String>,
}

impl FunctionKeys {
    /// Whether a request that shows `key` may call a function of this level.
    pub(super) fn allow(&self, level: AuthLevel, key: Option<&str>) -> bool {
        let is_master = || key.is_some() && self.master.as_deref() == key;
        match level {
            AuthLevel::Anonymous => true,
            AuthLevel::Function => is_master() || self.function.iter().any(|known| Some(known.as_str()) == key),
            AuthLevel::Admin => is_master(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_wants_its_key() {
        let keys = FunctionKeys { function: vec!["f".into()], master: Some("m".into()) };
        let allowed = |level| [None, Some("x"), Some("f"), Some("m")].map(|key| keys.allow(level, key));
        assert_eq!(allowed(AuthLevel::Anonymous), [true, true, true, true]);
        assert_eq!(allowed(AuthLevel::Function), [false, false, true, true]);
        assert_eq!(allowed(AuthLevel::Admin), [false, false, false, true]);
        assert!(!FunctionKeys::default().allow(AuthLevel::Admin, None));
    }
}
