"""Places where Google's host names lead to a simulator on loopback, for programs that know no other."""

import contextlib
import ctypes
import pathlib
import subprocess

GOOGLE_HOSTS = ("www.googleapis.com", "oauth2.googleapis.com", "accounts.google.com")

# What the simulator is to be started with in such a network.
LISTEN = "--also-https=127.0.0.1:443"

_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
# Where Debian's programs look for the CAs that they trust.
_CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


def hosts_file(address):
    """The text of an /etc/hosts in which those names are at `address`."""
    return f"127.0.0.1 localhost\n{address} {' '.join(GOOGLE_HOSTS)}\n"


def enter_network(folder):
    """Moves this whole program into a network and a mount namespace of its own, in which only loopback
    exists and those names lie on it: there is no way back out. REQUIRES root. `folder` keeps a file."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare (root is needed)")
    hosts = pathlib.Path(folder) / "hosts"
    hosts.write_text(hosts_file("127.0.0.1"))
    for command in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "--bind", str(hosts), "/etc/hosts"],
        ["ip", "link", "set", "lo", "up"],
    ):
        subprocess.run(command, check=True)


@contextlib.contextmanager
def _in_place_of(path, content, folder):
    file = pathlib.Path(folder) / path.name
    file.write_bytes(content)
    subprocess.run(["mount", "--bind", str(file), str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


# REQUIRES of both: this program is in a mount namespace of its own. `folder` keeps a file.


def trusted(ca_file, folder):
    """Meanwhile the system's certificates hold that of `ca_file` as well."""
    bundle = _CERTIFICATES.read_bytes() + pathlib.Path(ca_file).read_bytes()
    return _in_place_of(_CERTIFICATES, bundle, folder)


def leading_to(address, folder):
    """Meanwhile those names are at `address` for this program and what it starts."""
    return _in_place_of(pathlib.Path("/etc/hosts"), hosts_file(address).encode(), folder)
