"""What is put on the emulated panel's disk, and how it gets there.

Not here: the disk's Debian (scripts/vm-image).
"""
import io, os, re, shutil, subprocess, tarfile

from machine import Machine, Missed, wait_for
from report import note
from site_around import GATEWAY, PASSWORDS, run

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FIRST_BOOT_S = 400
OFF_S = 120


def write_payload(path, site):
    """What an installer brings beside the package: this panel's own files."""
    files = {
        "etc/udev/rules.d/61-doorward-entrance.rules": (f"{HERE}/entrance.rules", 0o644),
        "etc/systemd/system/doorward.service.d/panel.conf": (f"{HERE}/credentials.conf", 0o644),
        "etc/doorward/board.toml": (f"{HERE}/virt-pl061.toml", 0o644),
        "etc/doorward/ca.pem": (f"{site.folder}/ca.pem", 0o644),
    }
    with tarfile.open(path, "w") as tar:
        for name, (source, mode) in files.items():
            with open(source, "rb") as file:
                add(tar, name, file.read(), mode)
        add(tar, "etc/doorward/secrets/broker-password", PASSWORDS[GATEWAY].encode(), 0o600)
        with open(f"{HERE}/config.toml") as config:
            add(tar, "etc/doorward/config.toml", config.read().replace("port = 8883", f"port = {site.port}").encode(), 0o644)
        # The other way round: what drives the strike at rest now opens.
        with open(f"{HERE}/virt-pl061.toml") as board:
            inverted = board.read().replace('rest = "low"', 'rest = "high"')
        add(tar, "etc/doorward/inverted.toml", inverted.encode(), 0o644)


def add(tar, name, content, mode):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def debugfs(disk, *orders):
    """Changes a disk that nobody has mounted."""
    tool = shutil.which("debugfs", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    done = subprocess.run([tool, "-w", "-f", "-", disk], input="\n".join(orders), capture_output=True, text=True, timeout=300)
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("debugfs 1.")]
    if complaints:
        raise Missed(f"debugfs {disk}: {complaints}")
    return done.stdout


def install(machine):
    """By the package, while the system runs. It starts the gateway by itself, since the configuration is there."""
    machine.run("tar -xf /payload.tar -C / && rm /payload.tar")
    print(machine.run("dpkg --install /doorward.deb 2>&1 && rm /doorward.deb", 200), flush=True)
    wait_for("the package has started the gateway", FIRST_BOOT_S,
             lambda: machine.run("systemctl is-active doorward || true") == "active", 1)
    machine.run("systemctl enable vm-ready")
    note("binary", machine.run("stat -c '%s bytes' /usr/bin/doorward"))


def first_boot(image, folder, disk, package, site):
    """A panel with everything on it, switched off in order."""
    subprocess.run(["cp", "--sparse=always", f"{image}/disk", disk], check=True)
    write_payload(f"{folder}/payload.tar", site)
    debugfs(disk, f"write {folder}/payload.tar /payload.tar", f"write {package} /doorward.deb")
    machine = Machine(image, folder, disk, site.reader)
    try:
        machine.run("true", FIRST_BOOT_S)
        install(machine)
        machine.shut_down(OFF_S)
    except BaseException:
        print(machine.last_words())
        raise
    finally:
        machine.cut()


def put_mirror(disk, mirror):
    """Gives the panel another mirror, as its service's user has it."""
    said = debugfs(disk, "stat /var/lib/doorward/mirror.sqlite")
    user, group = re.search(r"User:\s+(\d+)\s+Group:\s+(\d+)", said).groups()
    there = re.findall(r"mirror\.sqlite\S*", debugfs(disk, "ls /var/lib/doorward"))
    at = "/var/lib/doorward/mirror.sqlite"
    debugfs(disk, *[f"rm /var/lib/doorward/{name}" for name in there], f"write {mirror} {at}",
            f"sif {at} uid {user}", f"sif {at} gid {group}", f"sif {at} mode 0100600")
    run("e2fsck", "-fn", disk, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
