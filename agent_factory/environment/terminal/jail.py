"""What runs a program away from everything else; started as a script with ``python -I -S``, standard library alone.

Three processes: the outer one makes user, mount, network, process, IPC and host-name namespaces and waits;
the first one inside (process 1) builds the file system, starts the program and answers questions; the
program runs as another user without capabilities. Invariants: when the channel closes, process 1 ends and
the kernel kills all that runs inside; what the kernel refuses is told, and then nothing is run.

Over the channel (a SEQPACKET socket): first ``{"ready": true}`` with the terminal's and the folder's file
descriptors, or ``{"refused": why}``; then for each question ``{"busy": bool, "exit": code or null}``.
"""

from __future__ import annotations

import base64
import ctypes
import fcntl
import json
import os
import platform
import resource
import select
import signal
import socket
import struct
import sys
import termios
from contextlib import suppress
from typing import Any, NoReturn

libc = ctypes.CDLL(None, use_errno=True)
USER = 1000
NOBODY = 65534
"""Who the program is outside where the factory runs as root; else it is who the factory is."""
# include/uapi/linux/sched.h: NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
# include/uapi/linux/mount.h
NOSUID, NODEV, NOEXEC, BIND, REC, PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
ATTR_RDONLY, ATTR_NOSUID, AT_RECURSIVE, AT_FDCWD = 1, 2, 0x8000, -100
DETACH = 2
MOUNT_SETATTR = 442
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
# include/uapi/linux/prctl.h
SET_PDEATHSIG, SET_DUMPABLE, CAPBSET_DROP, SET_NO_NEW_PRIVS = 1, 4, 24, 38
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
ACCOUNT = f"agent:x:{USER}:{USER}:agent:/episode/home:/bin/sh\n"


def ask_kernel(what: str, result: int) -> None:
    """OSError that names ``what`` unless the kernel did it."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2); the error names the target."""
    texts = [None if text is None else text.encode() for text in (source, target, kind, data)]
    ask_kernel(f"mount of {target}", libc.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]))


def leave() -> None:
    """Go into namespaces of our own, in which we are user 0 (as root) or the program's user."""
    told, tell = os.pipe()
    outer, user, group = os.getpid(), os.getuid(), os.getgid()
    helper = os.fork()
    if helper == 0:  # stays outside, where the maps are written
        os.close(tell)
        if os.read(told, 1):
            write_maps(outer, user, group)
        os._exit(0)
    ask_kernel("unshare of user, mount, network and process namespaces", libc.unshare(NAMESPACES))
    os.write(tell, b"1")
    _, status = os.waitpid(helper, 0)
    if status:
        raise OSError(f"the user map of the namespace could not be written (status {status})")


def write_maps(process: int, user: int, group: int) -> None:
    """Say who is who inside."""
    if user != 0:
        _write(f"/proc/{process}/setgroups", "deny")
    for name, own in (("gid_map", group), ("uid_map", user)):
        _write(f"/proc/{process}/{name}", f"0 0 1\n{USER} {NOBODY} 1\n" if user == 0 else f"{USER} {own} 1\n")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def build_root(spec: dict[str, Any]) -> None:
    """Make the only files that there are: what is readable, devices, ``/proc``, and the episode's own."""
    root: str = spec["root"]
    mount("none", "/", None, REC | PRIVATE)
    mount("tmpfs", root, "tmpfs", NOSUID | NODEV, "size=1m,mode=755")
    for path in (*spec["readable"], *(f"/dev/{name}" for name in DEVICES)):
        show(path, root + path)
    for folder in ("proc", "etc", "dev/pts", "episode"):
        os.makedirs(f"{root}/{folder}", exist_ok=True)
    _write(f"{root}/etc/passwd", ACCOUNT)
    _write(f"{root}/etc/group", f"agent:x:{USER}:\n")
    for link, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("shm", "/episode/tmp")):
        os.symlink(target, f"{root}/dev/{link}")
    attributes = struct.pack("QQQQ", ATTR_RDONLY | ATTR_NOSUID, 0, 0, 0)
    done = libc.syscall(MOUNT_SETATTR, AT_FDCWD, root.encode(), AT_RECURSIVE, attributes, len(attributes))
    ask_kernel("mount_setattr (Linux 5.12 or later)", done)
    mount("proc", f"{root}/proc", "proc", NOSUID | NODEV | NOEXEC)
    _write(f"{root}/proc/sys/user/max_user_namespaces", "0")  # no namespaces inside, in which it would be root
    mount("proc", f"{root}/proc", "proc", NOSUID | NODEV | NOEXEC, "subset=pid")  # and nothing of the machine
    mount("devpts", f"{root}/dev/pts", "devpts", NOSUID | NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
    mount("tmpfs", f"{root}/episode", "tmpfs", NOSUID | NODEV, f"size={spec['disk_bytes']},nr_inodes=10000,mode=755")
    write_files(f"{root}/episode", spec["files"])
    os.chdir(root)
    ask_kernel("pivot_root", libc.syscall(PIVOT_ROOT[platform.machine()], b".", b"."))
    ask_kernel("umount of the old root", libc.umount2(b".", DETACH))
    os.chdir("/episode/folder")
    socket.sethostname("episode")


def show(path: str, target: str) -> None:
    """Let a path of the machine be seen inside, where it is there."""
    if os.path.islink(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.readlink(path), target)
    elif os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
        mount(path, target, None, BIND | REC)
    elif os.path.exists(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _write(target, "")
        mount(path, target, None, BIND)


def write_files(episode: str, files: dict[str, tuple[int, str]]) -> None:
    """The folder's first files (mode and content in base64, by path), all of them the program's."""
    for name in ("folder", "home", "tmp"):
        os.mkdir(f"{episode}/{name}")
    for name, (mode, content) in files.items():
        path = f"{episode}/folder/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(content))
        os.chmod(path, mode)
    for folder, _, names in os.walk(episode):
        for path in (folder, *(f"{folder}/{name}" for name in names)):
            os.chown(path, USER, USER)


def run_program(spec: dict[str, Any], terminal: int) -> NoReturn:
    """Become the program, on the terminal, within its limits, without a way back."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in (0, 1, 2):
        os.dup2(terminal, number)
    for name, limit in spec["limits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
    ask_kernel("no_new_privs", libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    capability = 0
    while libc.prctl(CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):  # Python has them its own way
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(spec["command"][0], spec["command"], spec["env"])  # noqa: S606


def is_busy(terminal: int) -> bool:
    """Whether anything inside runs or waits for the disk, or keys are not yet read."""
    unread = struct.unpack("i", fcntl.ioctl(terminal, termios.FIONREAD, b"\0" * 4))[0]
    return unread > 0 or any(_state_of(task) in "RD" for task in _tasks())


def _tasks() -> list[str]:
    found: list[str] = []
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            with suppress(OSError):  # it has just ended
                found += [f"/proc/{name}/task/{task}" for task in os.listdir(f"/proc/{name}/task")]
    return found


def _state_of(task: str) -> str:
    try:
        with open(f"{task}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (OSError, IndexError):  # it has just ended
        return "X"


def serve(channel: socket.socket, program: int, terminal: int) -> None:
    """Answer until the channel closes; when the program ends, all that it left behind is killed."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.register(os.pidfd_open(program), select.POLLIN)
    ended: int | None = None
    while True:
        for number, _ in poll.poll(200):
            if number != channel.fileno():
                poll.unregister(number)
            elif not channel.recv(16):
                return
            else:
                busy = False if ended is not None else is_busy(terminal)
                channel.send(json.dumps({"busy": busy, "exit": ended}).encode())
        with suppress(ChildProcessError):
            while (reaped := os.waitpid(-1, os.WNOHANG))[0]:
                if reaped[0] == program:
                    ended = os.waitstatus_to_exitcode(reaped[1])
                    with suppress(ProcessLookupError):
                        os.kill(-1, signal.SIGKILL)


def live_inside(channel: socket.socket, spec: dict[str, Any]) -> None:
    """Process 1: from the file system to the last answer."""
    libc.prctl(SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    build_root(spec)
    libc.prctl(SET_DUMPABLE, 0, 0, 0, 0)  # where the program is the same user, it still cannot look into this one
    master, terminal = os.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", spec["rows"], spec["columns"], 0, 0))
    os.fchown(terminal, USER, USER)
    folder = os.open("/episode/folder", os.O_RDONLY | os.O_DIRECTORY)
    program = os.fork()
    if program == 0:
        try:
            run_program(spec, terminal)
        except Exception as error:
            refuse(channel, f"the program {spec['command']!r} cannot be started", error)
            os._exit(127)
    socket.send_fds(channel, [b'{"ready": true}'], [master, folder])
    os.close(master)
    os.close(folder)
    serve(channel, program, terminal)


def refuse(channel: socket.socket, what: str, error: Exception) -> None:
    """Tell why nothing runs."""
    with suppress(OSError):
        channel.send(json.dumps({"refused": f"{what}: {type(error).__name__}: {error}"[:2000]}).encode())


def main() -> None:
    """Run a program in a sandbox; see the module."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)  # the program must not have it
    with os.fdopen(int(sys.argv[2]), "rb") as file:
        spec = json.load(file)
    try:
        leave()
        inner = os.fork()
        if inner == 0:
            live_inside(channel, spec)
            os._exit(0)
        channel.close()
        os.waitpid(inner, 0)
    except Exception as error:
        refuse(channel, "no sandbox", error)
        os._exit(1)


if __name__ == "__main__":
    main()
