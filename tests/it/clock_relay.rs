//! A gateway that may not ask the kernel of its clock, as under its unit, and what it is told instead.

use crate::world::{Process, World, eventually, program};
use doorward::clock::{Clock, SyncSource, SystemClock};
use serde_json::Value;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A site whose clock is the kernel's word, by that file where it may not be asked.
fn site() -> (World, PathBuf) {
    let world = World::new();
    let relay = world.folder.path().join("kernel");
    let text = std::fs::read_to_string(world.config_file()).expect("the configuration");
    let clock = format!("[clock]\nsync = \"kernel\"\nrelay = {:?}", relay.to_str().expect("UTF-8"));
    world.write("config.toml", &text.replace("[clock]\nsync = \"host\"", &clock));
    (world, relay)
}

/// What systemd does with `ProtectClock=yes`: from here on the kernel refuses the question.
#[expect(unsafe_code, reason = "a filter of system calls has no safe wrapper here")]
fn may_not_ask(command: &mut Command) -> &mut Command {
    let forbid = || {
        let statement = |code: u32, jt, jf, k| libc::sock_filter {
            code: u16::try_from(code).expect("a code"),
            jt,
            jf,
            k,
        };
        let number = |call: libc::c_long| u32::try_from(call).expect("a number of a call");
        let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
        let mut filter = [
            // The number of the call is the first word that a filter sees.
            statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
            statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 2, 0, number(libc::SYS_adjtimex)),
            statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, number(libc::SYS_clock_adjtime)),
            statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
            statement(libc::BPF_RET | libc::BPF_K, 0, 0, refuse),
        ];
        let program = libc::sock_fprog { len: 5, filter: filter.as_mut_ptr() };
        // SAFETY: both calls take plain numbers, and the kernel copies the program, which outlives the call.
        let forbidden = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
        };
        if forbidden { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec it allocates nothing and takes no lock.
    unsafe { command.pre_exec(forbid) }
}

/// Whether the gateway that may not ask holds the clock to be synchronised.
fn believes(world: &World) -> bool {
    let output: Output =
        may_not_ask(program(&world.config_file()).args(["clock", "--json"])).output().expect("it runs");
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(said["sync"], "kernel");
    said["synchronised"].as_bool().expect("a word")
}

/// As a relay would have written `ago_ms` ago.
fn write_line(file: &Path, ago_ms: u64, is_synchronised: bool) {
    let at_ms = SystemClock::new(SyncSource::Host).mono().0 - ago_ms;
    std::fs::write(file, format!("{at_ms:020} {}\n", u8::from(is_synchronised))).expect("written");
}

#[test]
fn it_believes_what_it_is_told_and_only_while_it_is_told() {
    let (world, relay) = site();
    assert!(!believes(&world), "nobody tells it");
    write_line(&relay, 0, true);
    assert!(believes(&world));
    write_line(&relay, 60_000, true);
    assert!(!believes(&world), "the relay has died a minute ago");
    write_line(&relay, 0, false);
    assert!(!believes(&world), "the time server is gone");
    std::fs::write(&relay, "").expect("written");
    assert!(!believes(&world), "a file that was just made");
}

#[test]
fn the_relay_goes_on_telling_and_does_not_begin_where_the_kernel_refuses_it() {
    let (world, relay) = site();
    let words = ["clock", "relay", relay.to_str().expect("UTF-8")];
    let refused = may_not_ask(program(&world.config_file()).args(words)).output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("the kernel was not asked"), "{said}");

    let _running = Process::relay(&relay);
    let line = || std::fs::read_to_string(&relay).unwrap_or_default();
    let later_than = |before: &str| {
        eventually("a line", || if line().as_str() > before { Ok(()) } else { Err(line()) });
    };
    later_than("");
    later_than(&line());
    let by_the_kernel = doorward::clock::kernel_says_synchronised().expect("it may be asked here");
    // The flag itself: a machine whose clock nobody keeps would give "no" to everything.
    assert!(line().ends_with(if by_the_kernel { " 1\n" } else { " 0\n" }), "{}", line());
}
