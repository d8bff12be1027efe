"""What programs do with files, by the programs themselves, or, where Debian has none, by the calls that the
named file of the named library makes.

Each is a generator: application(root, scratch) works below `root`, with inputs in `scratch`, a plain folder.
It yields FLUSH where all that was closed must be in Drive, open files or not; RESTART where the
file system may go away and come back with nothing but what Drive has; and goes on. It asserts what the
program must find."""

import contextlib
import io
import json
import os
import pty
import select
import shutil
import sqlite3
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from support.contents import Content

KIB, MIB = 1 << 10, 1 << 20
FLUSH, RESTART = "flush", "restart"
LONG = os.environ.get("DRIVEWAY_TEST_LONG") == "1"


def _run(*command, cwd=None, scratch, **environment):
    """A program, which must succeed: its stdout."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        env={"PATH": os.environ["PATH"], "HOME": str(scratch), "LANG": "C.UTF-8", **environment},
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _bytes(seed, size):
    return Content.of(seed, size).bytes()


# -- version control, copies, archives ---------------------------------------------------------------


def git(root, scratch):
    def run(*words, at=root / "repo"):
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Ann"), ("EMAIL", "ann@example.com"))
        }
        return _run("git", "-C", at, *words, scratch=scratch, **identity)

    (root / "repo").mkdir()
    run("init", "-q", "-b", "main")
    for number in range(60):
        path = root / f"repo/src/part{number % 6}/file{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bytes(number, 2000).hex().encode())
    run("add", ".")
    run("commit", "-q", "-m", "one")
    yield RESTART
    assert run("status", "--porcelain") == "", "git sees changes that nobody made"
    for number in range(0, 60, 3):
        (root / f"repo/src/part{number % 6}/file{number}.py").write_text(f"new {number}\n")
    run("commit", "-q", "-a", "-m", "two")
    run("checkout", "-q", "-b", "other", "HEAD~1")
    run("checkout", "-q", "main")
    run("gc", "-q", "--prune=now")
    run("clone", "-q", root / "repo", root / "clone", at=root)
    yield RESTART
    for name in ("repo", "clone"):
        run("fsck", "--strict", "--no-progress", at=root / name)
        assert run("status", "--porcelain", at=root / name) == ""
        assert run("log", "--format=%s", at=root / name) == "two\none\n"


def rsync(root, scratch):
    source = scratch / "source"
    for number in range(80):
        path = source / f"d{number % 5}/f{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bytes(number, 500 * number))
    (source / "large.bin").write_bytes(_bytes(99, 6 * MIB))
    os.utime(source / "large.bin", (1_500_000_000, 1_500_000_000))  # it looks at whole seconds
    (source / "link").symlink_to("d1/f1.bin")
    (source / "d1/f1.bin").chmod(0o750)

    def run(*words):
        """What it changed, a line each."""
        words = ("rsync", "-a", "--itemize-changes", *words, f"{source}/", f"{root / 'copy'}/")
        return _run(*words, scratch=scratch)

    assert "large.bin" in run()
    assert run() == "", "the second run finds differences"
    yield RESTART
    assert run() == "", "after the upload there are differences (E4)"
    with open(source / "large.bin", "r+b") as file:
        file.seek(3 * MIB)
        file.write(_bytes(100, 5000))
    (source / "d2/f2.bin").unlink()
    assert "large.bin" in run("--inplace", "--no-whole-file", "--delete")
    assert run("--inplace", "--delete") == ""
    yield RESTART
    assert run("--checksum", "--delete") == ""


def tar(root, scratch, count=5000 if LONG else 300):
    archive = scratch / "files.tar"
    with tarfile.open(archive, "w") as file:
        for number in range(count):
            folder = f"tree/d{number % 17}"
            if number < 17:
                info = tarfile.TarInfo(folder)
                info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, 1_500_000_000
                file.addfile(info)
            data = _bytes(number, number % 3000)
            info = tarfile.TarInfo(f"{folder}/f{number}")
            info.size, info.mode = len(data), 0o640 if number % 3 else 0o755
            info.mtime = 1_500_000_000 + number
            file.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo("tree/link")
        info.type, info.linkname = tarfile.SYMTYPE, "d1/f1"
        file.addfile(info)
    _run("tar", "-xf", archive, "-C", root, scratch=scratch)
    _run("tar", "--compare", "-f", archive, "-C", root, scratch=scratch)
    yield RESTART
    _run("tar", "--compare", "-f", archive, "-C", root, scratch=scratch)
    _run("tar", "-cf", root / "again.tar", "-C", root, "tree", scratch=scratch)
    with tarfile.open(root / "again.tar") as file:
        assert len(file.getnames()) == count + 17 + 2


def pip(root, scratch):
    wheel = scratch / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for number in range(40):
            file.writestr(f"thing/part{number}.py", f"VALUE = {number}\n")
        file.writestr("thing/__init__.py", "from thing.part7 import VALUE\n")
        info = "thing-1.0.dist-info"
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    target = root / "site"
    command = (sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps")
    _run(*command, "--target", target, wheel, scratch=scratch)
    yield RESTART
    check = "import thing; assert thing.VALUE == 7"
    _run(sys.executable, "-c", check, scratch=scratch, PYTHONPATH=str(target))
    _run(*command, "--upgrade", "--target", target, wheel, scratch=scratch)
    _run(sys.executable, "-c", check, scratch=scratch, PYTHONPATH=str(target))


def coreutils(root, scratch):
    """Each line of a shell session, and what must come of it."""

    def shell(script):
        return _run("sh", "-euc", script, cwd=root, scratch=scratch)

    shell("seq 1 1000 > numbers; sort -rn -o numbers numbers; sed -i s/^7$/seven/ numbers")
    assert shell("grep -c . numbers; grep -n seven numbers") == "1000\n994:seven\n"
    shell("mkdir -p a/b/c; cp -a numbers a/b/c/copy; cp -r a other; mv other/b moved; rmdir other")
    shell("head -c 3000000 /dev/urandom > big; split -b 1000000 big part.; cat part.* > joined")
    shell("cmp big joined; rm part.*")
    shell("dd if=big of=joined bs=1000 seek=5 count=7 conv=notrunc status=none")
    shell("truncate -s 5M joined; ln -s big link; cmp link big; echo more | tee -a numbers")
    yield RESTART
    assert shell("tail -n 1 numbers; stat -c %s joined; readlink link") == "more\n5242880\nbig\n"
    shell("dd if=big bs=1000 count=7 status=none | cmp -n 7000 -i 0:5000 - joined")
    shell("cp --sparse=always joined thin; cmp joined thin; install -m 755 numbers program")
    shell("find . -name copy -delete; touch -d 2001-02-03T04:05:06.789Z numbers; cp -p numbers n2")
    assert shell("stat -c %.3Y numbers n2; stat -c %a program") == "981173106.789\n" * 2 + "755\n"
    # cp -a between file systems takes the attributes along that it may set.
    _run("cp", "-a", root / "moved", scratch / "out", scratch=scratch)
    _run("cp", "-a", scratch / "out", root / "in", scratch=scratch)
    shell("cmp -s moved/c/copy in/c/copy || test ! -e moved/c/copy")


# -- data bases --------------------------------------------------------------------------------------


def _sqlite(root, mode):
    path = root / f"{mode}.db"

    def connect():
        base = sqlite3.connect(path, timeout=60)
        assert base.execute(f"PRAGMA journal_mode={mode}").fetchone()[0] == mode
        return base

    with contextlib.closing(connect()) as base:
        base.execute("CREATE TABLE runs (step INTEGER PRIMARY KEY, loss REAL, note TEXT)")
        for step in range(0, 500, 50):
            with base:
                rows = [(n, n / 7, f"note {n} " * 20) for n in range(step, step + 50)]
                base.executemany("INSERT INTO runs VALUES (?, ?, ?)", rows)
        with contextlib.suppress(ZeroDivisionError), base:
            base.execute("DELETE FROM runs")
            raise ZeroDivisionError  # rolled back
    # Another process writes beside this one's open connection.
    with contextlib.closing(connect()) as base:
        assert base.execute("SELECT count(*) FROM runs").fetchone()[0] == 500
        script = (
            "import sqlite3, sys; b = sqlite3.connect(sys.argv[1], timeout=60)\n"
            "with b: b.execute('INSERT INTO runs VALUES (1000, 0, NULL)')\n"
            "b.close()"
        )
        _run(sys.executable, "-c", script, path, scratch=root)
        assert base.execute("SELECT count(*) FROM runs").fetchone()[0] == 501
        with base:
            base.execute("UPDATE runs SET loss = 1 WHERE step < 100")
    yield RESTART
    with contextlib.closing(connect()) as base:
        assert base.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert base.execute("SELECT count(*), sum(loss = 1) FROM runs").fetchone() == (501, 100)
        base.execute("VACUUM")
    yield RESTART
    with contextlib.closing(connect()) as base:
        assert base.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def sqlite_with_a_journal(root, scratch):
    yield from _sqlite(root, "delete")


def sqlite_with_a_write_ahead_log(root, scratch):
    yield from _sqlite(root, "wal")


# -- editors -----------------------------------------------------------------------------------------


def vim(root, scratch):
    path = root / "text.txt"

    def edit(*commands):
        words = [word for command in commands for word in ("-c", command)]
        _run("vim", "-es", "-N", "-u", "NONE", "-i", "NONE", path, *words, scratch=scratch)

    edit("call setline(1, ['one', 'two', 'three'])", "wq")
    assert path.read_text() == "one\ntwo\nthree\n"
    path.chmod(0o640)
    for number, options in enumerate(
        (
            "nobackup nowritebackup",
            "backupcopy=yes",
            "backupcopy=no",
            "backup backupskip= backupcopy=auto",
        )
    ):
        # With the swap file that an editor keeps beside the file.
        edit(f"set {options} swapfile", f"%s/^one.*/one {number}/", "write", "quit")
        assert path.read_text() == f"one {number}\ntwo\nthree\n"
        assert path.stat().st_mode & 0o777 == 0o640
    yield RESTART
    assert path.read_text() == "one 3\ntwo\nthree\n"
    names = sorted(entry.name for entry in root.iterdir())
    assert names == ["text.txt", "text.txt~"], "swap files are gone, the backup is there"


def nano(root, scratch):
    path = root / "text.txt"
    path.write_text("old\n")
    for options in (("-I",), ("-I", "--backup")):
        _type(["nano", *options, path], [b"new ", b"\x0f", b"\r", b"\x18"])
    assert path.read_text() == "new new old\n"
    yield RESTART
    assert (root / "text.txt~").read_text() == "new old\n"


def _type(command, keys):
    """Runs a program on a terminal, and types `keys` as soon as it has drawn its screen each time."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        os.execvp(command[0], [str(word) for word in command])
    try:
        for key in [*keys, b""]:
            while select.select([terminal], [], [], 0.3)[0]:
                if not os.read(terminal, 65536):
                    break
            os.write(terminal, key)
    except OSError:
        pass  # it has ended, and the terminal with it
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert status == 0, f"{command}: {status}"


def jupyter(root, scratch):
    """jupyter_server/services/contents/fileio.py (atomic_writing) and filecheckpoints.py of
    jupyter_server 2: the old notebook is copied aside, the new one written over it and synced."""
    path = root / "notebook.ipynb"
    checkpoint = root / ".ipynb_checkpoints/notebook-checkpoint.ipynb"
    beside = root / ".~notebook.ipynb"

    def save(number):
        if path.exists():
            shutil.copyfile(path, beside)
            shutil.copystat(path, beside)
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            json.dump({"cells": [{"source": f"cell {n}"} for n in range(number)]}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        if beside.exists():
            beside.unlink()
        checkpoint.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, checkpoint)
        shutil.copystat(path, checkpoint)

    for number in range(1, 6):
        save(number)
    yield RESTART
    save(300)
    for saved in (path, checkpoint):
        assert len(json.loads(saved.read_text())["cells"]) == 300
    assert path.stat().st_mtime_ns == checkpoint.stat().st_mtime_ns


# -- checkpoints -------------------------------------------------------------------------------------


def hdf5(root, scratch):
    import h5py  # pylint: disable=import-outside-toplevel

    path = root / "weights.h5"
    with h5py.File(path, "w") as file:
        for number in range(12):
            data = _bytes(number, 40_000 * (number + 1))
            file.create_dataset(f"layer{number}/kernel", data=list(data[:5000]), dtype="u1")
        grows = file.create_dataset("loss", (0,), maxshape=(None,), chunks=(1000,), dtype="f8")
        file.flush()
        for number in range(5):
            grows.resize((1000 * (number + 1),))
            grows[1000 * number :] = number
            file.flush()
    yield RESTART
    with h5py.File(path, "r+") as file:
        assert bytes(file["layer3/kernel"][:]) == _bytes(3, 5000)
        assert file["loss"].shape == (5000,) and file["loss"][-1] == 4
        file["layer3/kernel"][:100] = 0
        file.attrs["epoch"] = 7
        del file["layer4"]
    yield RESTART
    with h5py.File(path, "r") as file:
        assert file.attrs["epoch"] == 7 and "layer4" not in file
        assert bytes(file["layer3/kernel"][:]) == bytes(100) + _bytes(3, 5000)[100:]


def keras_zip(root, scratch):
    """keras/src/saving/saving_lib.py of Keras 3.3 (_save_model_to_fileobj): zipfile with members opened
    for writing: it seeks back into each to write its size. Over the same path."""
    import h5py  # pylint: disable=import-outside-toplevel

    path = root / "model.keras"
    for epoch in range(3):
        with open(path, "wb") as out, zipfile.ZipFile(out, "w") as archive:
            for name in ("metadata.json", "config.json"):
                with archive.open(name, "w") as file:
                    file.write(json.dumps({"epoch": epoch, "name": name}).encode())
            weights = io.BytesIO()
            with h5py.File(weights, "w") as file:
                file.create_dataset("kernel", data=list(_bytes(epoch, 9000)), dtype="u1")
            with archive.open("model.weights.h5", "w", force_zip64=True) as file:
                file.write(weights.getvalue() + bytes(3 * MIB))
    yield RESTART
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("config.json"))["epoch"] == 2


def _save_as_torch(path, seed, sizes):
    """caffe2/serialize/inline_container.cc of PyTorch 1.5 to 2 (PyTorchStreamWriter): an ofstream, opened
    out|trunc|binary, written front to back; small pieces go through its buffer of 8191 bytes, large
    ones after what is in it."""
    with open(path, "wb", buffering=8191) as file:
        for number, size in enumerate(sizes):
            file.write(struct.pack("<4sI", b"PK\3\4", number))
            file.write(bytes(56))  # names, and what aligns data at 64
            file.write(_bytes(seed + number, size))
        file.write(b"PK\5\6" + bytes(200))


TORCH_SIZES = (300, 4 * MIB, 70_000, 64, 2 * MIB, 11)


def torch_save_over_the_same_path(root, scratch):
    path = root / "model.pt"
    for epoch in range(5):
        _save_as_torch(path, 100 * epoch, TORCH_SIZES)
        _save_as_torch(root / "best.pt.tmp", 100 * epoch, TORCH_SIZES)
        os.replace(root / "best.pt.tmp", root / "best.pt")
        if epoch == 2:
            yield FLUSH
    yield RESTART
    _save_as_torch(scratch / "right.pt", 400, TORCH_SIZES)
    right = (scratch / "right.pt").read_bytes()
    assert path.read_bytes() == right and (root / "best.pt").read_bytes() == right


def torch(root, scratch):
    """The library itself (Debian's python3-torch)."""
    import torch as library  # pylint: disable=import-outside-toplevel

    state = {f"layer{n}": library.randn(256, 512 * n + 1) for n in range(6)}
    for epoch in range(3):
        library.save({"epoch": epoch, "model": state}, root / "model.pt")
        library.save(state, root / "best.tmp")
        os.replace(root / "best.tmp", root / "best.pt")
    yield RESTART
    loaded = library.load(root / "model.pt")
    assert loaded["epoch"] == 2
    assert all(library.equal(loaded["model"][name], tensor) for name, tensor in state.items())


def _save_as_safetensors(path, seed, sizes, beside):
    """safetensors/src/tensor.rs (buffered_write_to_file): set_len to the whole size, then a BufWriter of
    1 MiB. Release 0.6 writes the path itself; later ones a NamedTempFile beside it (`beside`),
    which is renamed."""
    header = json.dumps({f"t{n}": {"data_offsets": [0, size]} for n, size in enumerate(sizes)})
    header = header.encode().ljust((len(header) + 7) // 8 * 8)
    total = 8 + len(header) + sum(sizes)
    if beside:
        number, name = tempfile.mkstemp(prefix=".tmp", dir=path.parent)
        out = open(number, "wb", buffering=MIB)
    else:
        name, out = None, open(path, "wb", buffering=MIB)
    with out as file:
        os.ftruncate(file.fileno(), total)
        file.write(struct.pack("<Q", len(header)))
        file.write(header)
        for number, size in enumerate(sizes):
            file.write(_bytes(seed + number, size))
    if name:
        os.rename(name, path)


def safetensors(root, scratch):
    sizes = (5000, 3 * MIB, 17, 1 * MIB, 2 * MIB + 1)
    for beside in (False, True):
        path = root / f"model{int(beside)}.safetensors"
        for epoch in range(3):
            _save_as_safetensors(path, 50 * epoch, sizes, beside)
            if epoch == 0:
                yield FLUSH
    yield RESTART
    _save_as_safetensors(scratch / "right", 100, sizes, False)
    for beside in (0, 1):
        found = (root / f"model{beside}.safetensors").read_bytes()
        assert found == (scratch / "right").read_bytes()
    assert len(list(root.iterdir())) == 2, "no temporary file is left"


def tensorflow_checkpoints(root, scratch):
    """tensorflow/core/util/tensor_bundle/tensor_bundle.cc of TensorFlow 2 (BundleWriter, MergeBundles) and
    checkpoint_management.py: shards are written in a folder of their own under temporary names,
    renamed into place, merged by a rename; the index comes last, then the state file `checkpoint`."""
    kept = []
    for step in range(4):
        prefix = f"ckpt-{step}"
        temporary = root / f"{prefix}_temp"
        temporary.mkdir()
        shard = temporary / "part-00000-of-00001"
        for suffix, size in ((".data-00000-of-00001", 9 * MIB), (".index", 1200)):
            state = f"{shard}{suffix}.tempstate{step}"
            with open(state, "wb", buffering=8 * MIB) as file:
                file.write(_bytes(step, size))
            os.rename(state, f"{shard}{suffix}")
        os.rename(f"{shard}.data-00000-of-00001", root / f"{prefix}.data-00000-of-00001")
        (root / f"{prefix}.index").write_bytes(_bytes(step, 1300))
        os.unlink(f"{shard}.index")
        temporary.rmdir()
        kept.append(prefix)
        state = root / f"checkpoint.tmp{step:x}"
        state.write_text("\n".join(kept[-2:]))
        os.rename(state, root / "checkpoint")
        for old in kept[:-2]:
            for path in root.glob(f"{old}.*"):
                path.unlink()
    yield RESTART
    names = sorted(path.name for path in root.iterdir())
    suffixes = ("data-00000-of-00001", "index")
    assert names == ["checkpoint", *(f"ckpt-{n}.{suffix}" for n in (2, 3) for suffix in suffixes)]
    assert (root / "ckpt-3.data-00000-of-00001").read_bytes() == _bytes(3, 9 * MIB)


def hugging_face_trainer(root, scratch):
    """transformers/trainer.py of Transformers 4.38 (_save_checkpoint, _rotate_checkpoints): a folder is
    written as tmp-checkpoint-N, renamed and synced; the oldest is removed."""
    for step in range(10, 70, 10):
        staging, final = root / f"tmp-checkpoint-{step}", root / f"checkpoint-{step}"
        staging.mkdir()
        _save_as_safetensors(staging / "model.safetensors", step, (MIB, 5000), False)
        for name, sizes in (
            ("optimizer.pt", TORCH_SIZES),
            ("scheduler.pt", (500,)),
            ("rng_state.pth", (14_000,)),
            ("training_args.bin", (4000,)),
        ):
            _save_as_torch(staging / name, step, sizes)
        (staging / "trainer_state.json").write_text(json.dumps({"global_step": step}, indent=2))
        os.rename(staging, final)
        folder = os.open(final, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        for old in sorted(root.glob("checkpoint-*"))[:-2]:
            shutil.rmtree(old)
        if step == 30:
            yield FLUSH
    yield RESTART
    assert sorted(path.name for path in root.iterdir()) == ["checkpoint-50", "checkpoint-60"]
    state = json.loads((root / "checkpoint-60/trainer_state.json").read_text())
    assert state["global_step"] == 60


def lightning(root, scratch):
    """lightning/fabric/utilities/cloud_io.py of Lightning 2 (_atomic_save) with a transaction of fsspec 2024
    (implementations/local.py, commit): a file of /tmp is moved, which copies between file systems."""
    for epoch in range(4):
        number, name = tempfile.mkstemp(dir=scratch)
        with open(number, "wb") as file:
            file.write(_bytes(epoch, 6 * MIB))
        shutil.move(name, root / f"epoch={epoch}.ckpt")
        if epoch:
            os.remove(root / f"epoch={epoch - 1}.ckpt")
            os.remove(root / "last.ckpt")
        os.symlink(f"epoch={epoch}.ckpt", root / "last.ckpt")
    yield RESTART
    assert sorted(path.name for path in root.iterdir()) == ["epoch=3.ckpt", "last.ckpt"]
    assert (root / "last.ckpt").read_bytes() == _bytes(3, 6 * MIB)


def tensorboard(root, scratch):
    """tensorboard/summary/writer/record_writer.py of TensorBoard 2: a file that stays open for hours, records
    of length, crc, data, crc, and a flush now and then."""
    path = root / "events.out.tfevents"
    written = 0
    with open(path, "ab") as file:
        for number in range(200):
            data = _bytes(number, 100 + number)
            file.write(struct.pack("<QI", len(data), number) + data + struct.pack("<I", number))
            written += 16 + len(data)
            if number % 20 == 19:
                file.flush()
                assert path.stat().st_size == written
            if number in (59, 139):
                yield FLUSH
    yield RESTART
    with open(path, "ab") as file:
        file.write(b"more")
    assert path.stat().st_size == written + 4


# Which are given by the packages of tools/common.sh; `torch` only by those of the long form.
APPLICATIONS = (
    coreutils,
    git,
    hdf5,
    hugging_face_trainer,
    jupyter,
    keras_zip,
    lightning,
    nano,
    pip,
    rsync,
    safetensors,
    sqlite_with_a_journal,
    sqlite_with_a_write_ahead_log,
    tar,
    tensorboard,
    tensorflow_checkpoints,
    torch_save_over_the_same_path,
    vim,
    *((torch,) if LONG else ()),
)


def named(application):
    return application.__name__
