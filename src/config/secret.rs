//! Reading a secret from where the configuration says it is.

use super::SecretSource;
use super::load::ConfigError;
use access::text::Secret;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest secret in bytes; a PEM key fits.
const SECRET_MAX_BYTES: u64 = 64 * 1024;

/// Beside the configuration: root's alone.
pub const SECRETS_FOLDER: &str = "secrets";

impl SecretSource {
    /// Reads the secret; one newline at the end is not part of it.
    ///
    /// # Errors
    /// Which file cannot be read, and how to mend it; never the content.
    pub fn read(&self, file: &Path, key: &str) -> Result<Secret, ConfigError> {
        let path = self.path(file);
        let complain = |problem: String, remedy: &str| ConfigError {
            file: file.into(),
            key: key.into(),
            value: path.as_ref().map(|path| path.display().to_string()).or_else(|| self.credential.clone()),
            problem,
            remedy: remedy.into(),
        };
        let Some(path) = &path else {
            return Err(complain(
                "systemd has passed no credentials".into(),
                "add LoadCredential= to the unit, or name a file instead",
            ));
        };
        let size = fs::metadata(path).map(|file| file.len());
        if size.as_ref().is_ok_and(|size| *size > SECRET_MAX_BYTES) {
            return Err(complain("is larger than 64 KiB".into(), "name the file that holds just the secret"));
        }
        let mut text = fs::read_to_string(path)
            .map_err(|error| complain(error.to_string(), "make the file, readable by the service alone"))?;
        let end = text.trim_end_matches('\n').trim_end_matches('\r').len();
        text.truncate(end);
        if text.is_empty() {
            return Err(complain("is empty".into(), "write the secret into it"));
        }
        Ok(Secret::from(text))
    }

    /// Credentials are where systemd says. For root, who asks by hand, they are where systemd takes them from as `doorward
    /// init` has it: beside the configuration `config`.
    fn path(&self, config: &Path) -> Option<PathBuf> {
        match (&self.file, &self.credential) {
            (Some(file), _) => Some(file.clone()),
            (None, Some(name)) => {
                let handed = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
                let beside = || config.parent().map(|folder| folder.join(SECRETS_FOLDER));
                let path = handed.clone().or_else(beside)?.join(name);
                (handed.is_some() || path.exists()).then_some(path)
            }
            (None, None) => None,
        }
    }
}
