//! A full disk: the gateway says so, acknowledges nothing more, a revocation still lands, and it goes on when
//! there is room. On a small file system of its own, in a mount namespace of its own.

use crate::world::{World, assignment, card, entitlement, user};
use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A shell in a namespace with a small file system, in which the program runs and the disk is filled.
pub(crate) struct SmallDisk {
    shell: Child,
    orders: Option<ChildStdin>,
}

impl SmallDisk {
    /// Mounts 8 MiB over the state folder and starts the program there.
    pub(crate) fn start(world: &World) -> SmallDisk {
        let state = world.folder.path().join("state");
        let script = format!(
            "mount -t tmpfs -o size=8m,mode=0755 tmpfs '{state}' || exit 9\n\
             '{program}' --config '{config}' run 2>'{log}' &\n\
             gateway=$!\n\
             while read -r order; do case $order in\n\
               fill) dd if=/dev/zero of='{state}/filler' bs=4096 2>/dev/null ;;\n\
               free) rm '{state}/filler' ;;\n\
               ask) '{program}' --config '{config}' query events access --json >'{answer}' ;;\n\
             esac; done\n\
             kill -9 $gateway\n",
            state = state.display(),
            program = env!("CARGO_BIN_EXE_doorward"),
            config = world.config_file().display(),
            answer = world.folder.path().join("answer").display(),
            log = world.folder.path().join("log").display(),
        );
        // Root mounts in a private namespace; others need a user namespace as well.
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        let flags: &[&str] = if is_root { &["--mount"] } else { &["--mount", "--map-root-user"] };
        let mut shell = Command::new("unshare")
            .args(flags)
            .args(["sh", "-c", &script])
            .stdin(Stdio::piped())
            .spawn()
            .expect("unshare is installed (util-linux)");
        let orders = shell.stdin.take();
        SmallDisk { shell, orders }
    }

    pub(crate) fn order(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("a pipe");
        writeln!(orders, "{order}").expect("the shell listens");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The end of its orders ends the program, the shell, and with it the namespace.
        drop(self.orders.take());
        let _ = self.shell.wait();
    }
}

#[test]
fn a_full_disk_acknowledges_nothing_lets_revocations_through_and_recovers() {
    let mut world = World::new();
    let mut disk = SmallDisk::start(&world);
    world.source.expect_state("subscribed", |state| state["online"] == true);
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    for (id, hex) in [("ada", "04A1"), ("bo", "04A2"), ("cy", "04A3")] {
        world.source.put("user", id, user("Given", id)).put("token", &format!("card-{id}"), card(id, hex));
        world.source.put("assignment", &format!("{id}.main"), assignment(id, "main", "", ""));
    }
    world.source.publish();
    world.expect_permissions("PAada", Some(&["ap-main"]));
    world.expect_permissions("PAbo", Some(&["ap-main"]));
    world.expect_permissions("PAcy", Some(&["ap-main"]));
    let proven = world.source.head().0;
    world
        .source
        .expect_state("proven", |state| state["proven"] == serde_json::json!([proven.epoch, proven.seq]));

    disk.order("fill");
    // Enough to need more of the disk than the log has already.
    for at in 0..400 {
        let mut record = user("Some", "One");
        record["attributes"] = serde_json::json!({ "note": "x".repeat(200) });
        world.source.put("user", &format!("new{at}"), record);
        world.source.publish();
    }
    world.source.expect_state("the gateway says so", |state| state["disk_full"] == true);
    let mut locked = user("Given", "ada");
    locked["status"] = "locked".into();
    world.source.put("user", "ada", locked);
    world.source.publish();
    world.source.delete("token", "card-bo");
    world.source.publish();
    world.expect_permissions("PAada", None);
    world.expect_permissions("PAbo", None);
    // It opens something by itself, and takes more away from what is there: that counts first.
    let ended = assignment("cy", "main", "", "2026-01-01T00:00:00Z");
    world.source.put("assignment", "cy.main", ended);
    world.source.publish();
    world.expect_permissions("PAcy", None);
    world.source.expect_state("still full", |state| state["disk_full"] == true);

    disk.order("free");
    let (head, root) = world.source.head();
    world.source.expect_state("everything has arrived", |state| {
        state["head"] == serde_json::json!([head.epoch, head.seq])
            && state["root"] == root.to_string()
            && state["in_sync"] == true
            && state["disk_full"] == false
    });
}
