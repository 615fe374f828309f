//! `doorward backup` and `doorward restore`.

use super::init::DROP_IN;
use clap::Args;
use std::path::PathBuf;

/// What `backup` does.
#[derive(Args, Clone, Debug)]
pub struct BackupArgs {
    /// The file; an older backup of that name is replaced
    pub file: PathBuf,
    /// With the configuration and the certificates that lie beside it
    #[arg(long)]
    pub with_config: bool,
    /// With the secrets as well: whoever has the file then has the panel's logins
    #[arg(long, requires = "with_config")]
    pub with_secrets: bool,
}

/// What `restore` does.
#[derive(Args, Clone, Debug)]
pub struct RestoreArgs {
    /// A file that `backup` has made
    pub file: PathBuf,
    /// In the place of what this panel holds; it is given up
    #[arg(long)]
    pub replace: bool,
    /// With the configuration, certificates and secrets of the backup, if it has any
    #[arg(long)]
    pub with_config: bool,
    /// The drop-in by which systemd hands the backup's secrets to the service
    #[arg(long, value_name = "FILE", default_value = DROP_IN)]
    pub drop_in: PathBuf,
    /// Doors open by the backup's records at once: for a site that is cut off. What was taken away since then still opens them
    #[arg(long)]
    pub doors_open: bool,
}
