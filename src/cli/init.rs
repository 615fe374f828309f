//! `doorward init`.

use clap::Args;
use std::path::PathBuf;

/// Where systemd looks for what a panel adds to the unit.
pub(super) const DROP_IN: &str = "/etc/systemd/system/doorward.service.d/credentials.conf";

/// The answers that are known beforehand. Whatever is not here is asked for on a terminal.
#[derive(Args, Clone, Debug, Default)]
pub struct InitArgs {
    /// The site this panel belongs to: a-z 0-9 -
    #[arg(long, value_name = "ID")]
    pub site: Option<String>,
    /// This panel: a-z 0-9 -
    #[arg(long, value_name = "ID")]
    pub gateway: Option<String>,
    /// The broker's name or address
    #[arg(long, value_name = "HOST")]
    pub broker_host: Option<String>,
    /// Its port, if it is not 8883 with TLS or 1883 without
    #[arg(long, value_name = "PORT")]
    pub broker_port: Option<String>,
    /// Certificate of the authority that signed the broker's (PEM), which switches TLS on; it is copied
    #[arg(long, value_name = "FILE")]
    pub broker_ca: Option<PathBuf>,
    /// This panel's certificate for the broker (PEM); it is copied
    #[arg(long, value_name = "FILE")]
    pub broker_cert: Option<PathBuf>,
    /// File with its key (PEM); - for standard input
    #[arg(long, value_name = "FILE")]
    pub broker_key_file: Option<PathBuf>,
    /// Login at the broker; its access rules expect the gateway's id
    #[arg(long, value_name = "NAME")]
    pub broker_username: Option<String>,
    /// File with its password; - for standard input
    #[arg(long, value_name = "FILE")]
    pub broker_password_file: Option<PathBuf>,
    /// The board: a shipped one by its name, or a file
    #[arg(long, value_name = "NAME")]
    pub board: Option<String>,
    /// A card reader; may be given several times: entrance,pcsc,ACS ACR122U,front or yard,osdp,/dev/ttyS1,gate
    #[arg(long, value_name = "NAME,KIND,WHICH[,DOOR]")]
    pub reader: Vec<String>,
    /// File with the base key of the OSDP readers; - for standard input
    #[arg(long, value_name = "FILE")]
    pub reader_key_file: Option<PathBuf>,
    /// A door of this panel without a reader; may be given several times
    #[arg(long, value_name = "KEY")]
    pub door: Vec<String>,
    /// The PACS to export to: a shipped profile by its name, or a file
    #[arg(long, value_name = "NAME")]
    pub pacs_profile: Option<String>,
    /// Where its API is
    #[arg(long, value_name = "URL")]
    pub pacs_url: Option<String>,
    /// Certificate of the authority that signed the PACS's (PEM); it is copied
    #[arg(long, value_name = "FILE")]
    pub pacs_ca: Option<PathBuf>,
    /// How this panel names itself to the PACS, where that wants it
    #[arg(long, value_name = "NAME")]
    pub pacs_system_id: Option<String>,
    /// Login at the PACS
    #[arg(long, value_name = "NAME")]
    pub pacs_username: Option<String>,
    /// File with its password, key or token; - for standard input
    #[arg(long, value_name = "FILE")]
    pub pacs_password_file: Option<PathBuf>,
    /// Whom to ask whether the clock is right: kernel, or host where the machine's host keeps the time
    #[arg(long, value_name = "WHOM", default_value = "kernel", value_parser = ["kernel", "host"])]
    pub clock: String,
    /// Where the mirror is
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/doorward")]
    pub state_dir: PathBuf,
    /// Where the control sockets are
    #[arg(long, value_name = "FOLDER", default_value = "/run/doorward")]
    pub control_dir: PathBuf,
    /// The drop-in by which systemd hands the secrets to the service
    #[arg(
        long,
        value_name = "FILE",
        default_value = DROP_IN
    )]
    pub drop_in: PathBuf,
    /// Ask nothing: what is not given is as usual
    #[arg(long)]
    pub yes: bool,
    /// In the place of a configuration that is there; it is kept beside
    #[arg(long)]
    pub force: bool,
}
