# SPDX-License-Identifier: Apache-2.0
"""A root file system for a guest, made of Debian packages and files, as the archive that a kernel
unpacks into memory when it boots (cpio, format "newc"). Needs no root: nothing is written below a
scratch folder, owners and modes go from archive to archive."""

import dataclasses
import stat
import subprocess
import tarfile
from pathlib import Path

MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # links into usr/ since Debian 12
UNUSED = ("boot/", "usr/lib/modules/", "usr/share/doc/", "usr/share/locale/", "usr/share/man/",
          "usr/share/info/", "usr/share/i18n/", "usr/share/bash-completion/", "usr/lib/udev/hwdb.d/")


@dataclasses.dataclass
class Entry:
    mode: int
    data: bytes = b""  # a file's contents, or where a link points
    uid: int = 0
    gid: int = 0


class Tree:
    """Paths, relative to the root, and what stands there."""

    def __init__(self):
        self.entries = {}
        for name in MERGED:
            self.directory(f"usr/{name}")
            self.entries[name] = Entry(stat.S_IFLNK | 0o777, f"usr/{name}".encode())

    def __contains__(self, path):
        return _merged(path) in self.entries

    def _put(self, path, entry):
        """Add it, and the folders above it that no package has brought."""
        path = _merged(path)
        for parent in list(Path(path).parents)[:-1]:
            self.entries.setdefault(str(parent), Entry(stat.S_IFDIR | 0o755))
        self.entries[path] = entry

    def directory(self, path, mode=0o755):
        self._put(path, Entry(stat.S_IFDIR | mode))

    def link(self, path, target):
        self._put(path, Entry(stat.S_IFLNK | 0o777, str(target).encode()))

    def text(self, path, text, mode=0o644):
        self._put(path, Entry(stat.S_IFREG | mode, text.encode()))

    def file(self, path, source):
        """A file of this machine, under its own mode."""
        source = Path(source)
        mode = stat.S_IMODE(source.stat().st_mode) | 0o444
        self._put(path, Entry(stat.S_IFREG | mode, source.read_bytes()))

    def package(self, package):
        """All that a .deb would install; its scripts are not run."""
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package],
                              stdout=subprocess.PIPE) as unpack:
            with tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
                for member in archive:
                    self._member(archive, member)
        if unpack.returncode != 0:
            raise OSError(f"dpkg-deb cannot unpack {package}")

    def _member(self, archive, member):
        path = _merged(member.name.removeprefix("./"))
        if path in (".", "") or path in MERGED or path.startswith(UNUSED):
            return
        mode, owner = stat.S_IMODE(member.mode), {"uid": member.uid, "gid": member.gid}
        if member.isdir():
            self._put(path, Entry(stat.S_IFDIR | mode, **owner))
        elif member.issym():
            self._put(path, Entry(stat.S_IFLNK | 0o777, member.linkname.encode(), **owner))
        elif member.islnk():
            self._put(path, self.entries[_merged(member.linkname.removeprefix("./"))])
        elif member.isfile():
            self._put(path, Entry(stat.S_IFREG | mode, archive.extractfile(member).read(), **owner))

    def read_text(self, path):
        return self.entries[path].data.decode()

    def write(self, file):
        """The archive; a folder sorts before what is in it."""
        for inode, path in enumerate(sorted(self.entries), 1):
            _write_entry(file, inode, path, self.entries[path])
        _write_entry(file, 0, "TRAILER!!!", Entry(0))


def _merged(path):
    top, _, rest = path.partition("/")
    return f"usr/{path}" if top in MERGED and rest else path


def _write_entry(file, inode, path, entry):
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (inode, entry.mode, entry.uid, entry.gid, links, 0, len(entry.data), 0, 0, 0, 0,
              len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    file.write(header + bytes(-len(header) % 4))
    file.write(entry.data + bytes(-len(entry.data) % 4))
