"""Bundles of sessions: they arrive as they were, and nothing else arrives."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import stat
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.preset import RunPreset
from cnn_tui.store import hidden_folders
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import list_sessions, load_session, note_or_problem
from samples import story

Output = pytest.CaptureFixture[str]
Files = dict[str, bytes]
RECORDED = Path(__file__).parent / "recorded" / "0.1.0" / "sessions"
FOLDERS = sorted(RECORDED.iterdir())
(DONE,) = (folder for folder in FOLDERS if folder.name.endswith("-done"))


@pytest.fixture(autouse=True)
def hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


def export(folder: Path, target: Path) -> Path:
    assert guarded(cli, ["sessions", "export", str(folder), "--bundle", str(target)]) == 0
    return target


def contents(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def bundled(folder: Path = DONE) -> Files:
    """The files of a session, with the manifest."""
    files = contents(folder)
    return {**files, "manifest.json": manifest(files)}


def sessions(home: Path) -> list[str]:
    """Everything in the folder of sessions, hidden files included."""
    folder = home / "sessions"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def manifest(files: Files, **changes: Any) -> bytes:
    """The manifest of these files."""
    entries = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
        if name != "manifest.json"
    }
    return json.dumps(
        {"format": "cnn-tui session", "version": 1, "session": DONE.name, "files": entries, **changes}
    ).encode()


def write(path: Path, files: Files, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def with_changes(**files: bytes | None) -> Files:
    """The bundle with files replaced or, by None, removed, and a manifest that fits."""
    changed = {name.replace("__", "."): content for name, content in files.items()}
    kept = {name: content for name, content in {**contents(DONE), **changed}.items() if content is not None}
    return {**kept, "manifest.json": manifest(kept)}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name[17:])
def test_a_session_arrives_as_it_was(folder: Path, home: Path, tmp_path: Path, capsys: Output) -> None:
    sent = tmp_path / "sent" / folder.name
    shutil.copytree(folder, sent)
    (sent / "trainer.log").write_text("what the trainer said")
    bundle = export(sent, tmp_path / "session.zip")
    capsys.readouterr()
    assert guarded(cli, ["sessions", "import", str(bundle)]) == 0
    out, err = capsys.readouterr()
    assert out == f"imported {folder.name}\n"
    assert f"found {load_session(folder).name}: squeezenet1_1 on digits" in err
    assert "session.json (" in err
    assert contents(home / "sessions" / folder.name) == contents(folder)
    assert [(entry.id, entry.problem) for entry in list_sessions()] == [(folder.name, None)]
    assert sessions(home) == [folder.name]


def test_the_same_session_gives_the_same_bundle(tmp_path: Path) -> None:
    first, second = (export(DONE, tmp_path / name).read_bytes() for name in ("first", "second"))
    assert first == second


def test_a_session_that_is_there_is_kept_with_its_note(home: Path, tmp_path: Path, capsys: Output) -> None:
    bundle = str(export(DONE, tmp_path / "session.zip"))
    assert guarded(cli, ["sessions", "import", bundle]) == 0
    assert guarded(cli, ["sessions", "note", "latest", "my own"]) == 0
    capsys.readouterr()
    assert guarded(cli, ["sessions", "import", bundle]) == 0
    assert capsys.readouterr().out == f"already there: {DONE.name}\n"
    assert note_or_problem(home / "sessions" / DONE.name)[0].note == "my own"
    assert sessions(home) == [DONE.name]


@pytest.mark.parametrize("change", ["renamed", "less", "a file"])
def test_another_session_with_the_id_is_not_replaced(change: str, home: Path, tmp_path: Path, capsys: Output) -> None:
    bundle = str(export(DONE, tmp_path / "session.zip"))
    folder = home / "sessions" / DONE.name
    if change == "a file":
        folder.parent.mkdir(parents=True)
        folder.write_text("not a session")
    else:
        shutil.copytree(DONE, folder)
    if change == "renamed":
        path = folder / "session.json"
        path.write_text(path.read_text().replace('"name": "done"', '"name": "mine"'))
    elif change == "less":
        (folder / "thumbnails.npz").unlink()
    before = contents(folder) if folder.is_dir() else {}
    assert guarded(cli, ["sessions", "import", bundle]) == 1
    err = capsys.readouterr().err
    assert "There is another session" in err
    assert f"cnn-tui sessions delete {DONE.name}" in err
    assert (contents(folder) if folder.is_dir() else {}) == before
    assert sessions(home) == [DONE.name]


def test_a_running_session_is_not_exported(tmp_path: Path, capsys: Output) -> None:
    session_id, folder = new_session_folder("running")
    with SessionWriter(folder, new_record(session_id, RunPreset(name="running"))) as writer:
        for event in story()[:-1]:
            writer.record(event)
        assert guarded(cli, ["sessions", "export", "latest", "--bundle", str(tmp_path / "a.zip")]) == 1
    assert "still running" in capsys.readouterr().err
    assert not (tmp_path / "a.zip").exists()


def test_a_killed_session_arrives_as_killed(home: Path, tmp_path: Path) -> None:
    session_id, folder = new_session_folder("killed")
    with SessionWriter(folder, new_record(session_id, RunPreset(name="killed"))) as writer:
        writer.record(story()[0])
    bundle = export(folder, tmp_path / "a.zip")
    shutil.rmtree(folder)
    assert guarded(cli, ["sessions", "import", str(bundle)]) == 0
    assert load_session(session_id).status == "killed"


def test_a_damaged_session_is_not_exported(tmp_path: Path, capsys: Output) -> None:
    folder = tmp_path / DONE.name
    shutil.copytree(DONE, folder)
    (folder / "predictions.npz").write_bytes(b"PK")
    assert guarded(cli, ["sessions", "export", str(folder), "--bundle", str(tmp_path / "a.zip")]) == 1
    assert "predictions.npz is damaged" in capsys.readouterr().err
    assert not (tmp_path / "a.zip").exists()


def test_a_bundle_is_no_report(tmp_path: Path) -> None:
    for option in (["--format", "html"], ["--output", "a"], ["--weights", "a.pth"], ["--table", "epochs"]):
        assert guarded(cli, ["sessions", "export", str(DONE), "--bundle", str(tmp_path / "a.zip"), *option]) == 2
    assert not (tmp_path / "a.zip").exists()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def compressed_npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, index=np.zeros(0, dtype=np.int64), pictures=np.zeros((9999, 64, 64, 3), dtype=np.uint8))
    return file.getvalue()


def npz_with_header(shape: str) -> bytes:
    """An array whose header promises another shape."""
    header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(80)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.npy", array)
    return file.getvalue()


def session_json(**changes: Any) -> bytes:
    return json.dumps({**json.loads((DONE / "session.json").read_text()), **changes}).encode()


def predictions_with(**changes: Any) -> bytes:
    with np.load(DONE / "predictions.npz") as arrays:
        return npz(**{**dict(arrays), **changes})


HOSTILE: dict[str, tuple[Callable[[], Files], str]] = {
    "a path upwards": (lambda: {**bundled(), "../evil": b""}, "'../evil', which is no file of a session"),
    "an absolute path": (lambda: {**bundled(), "/tmp/evil": b""}, "'/tmp/evil', which is no file"),
    "a Windows path": (lambda: {**bundled(), "..\\evil": b""}, "which is no file of a session"),
    "a folder": (lambda: {**bundled(), "sub/": b""}, "'sub/', which is no file of a session"),
    "a name in a folder": (lambda: {**bundled(), "sub/session.json": b"{}"}, "which is no file of a session"),
    "an unknown file": (lambda: {**bundled(), "run.sh": b"rm"}, "'run.sh', which is no file of a session"),
    "a name in capitals": (lambda: {**bundled(), "SESSION.JSON": b"{}"}, "which is no file of a session"),
    "an escape sequence": (lambda: {**bundled(), "\x1b]52;c;x\x07": b""}, "'\\x1b]52;c;x\\x07'"),
    "a pickle": (lambda: {**bundled(), "weights.pkl": b"\x80\x04."}, "which is no file of a session"),
    "a large note": (lambda: with_changes(note__json=b" " * 70_000), "note.json is larger than"),
    "no manifest": (lambda: contents(DONE), "it has no manifest.json"),
    "a manifest that is no JSON": (lambda: {**contents(DONE), "manifest.json": b"{"}, "cannot be read as JSON"),
    "a manifest with a key twice": (
        lambda: {**contents(DONE), "manifest.json": b'{"version": 1, "version": 1}'},
        "occurs twice",
    ),
    "a deep manifest": (lambda: {**contents(DONE), "manifest.json": b'{"a":' * 5_000}, "nested too deeply"),
    "another format": (lambda: {**bundled(), "manifest.json": manifest(bundled(), format="zip")}, "format"),
    "a field too many": (lambda: {**bundled(), "manifest.json": manifest(bundled(), run="sh")}, "run"),
    "a newer version": (lambda: {**bundled(), "manifest.json": manifest(bundled(), version=2)}, "Update cnn-tui"),
    "an id that is a path": (
        lambda: {**bundled(), "manifest.json": manifest(bundled(), session="../../evil")},
        "its manifest.json is not valid",
    ),
    "a hidden id": (
        lambda: {**bundled(), "manifest.json": manifest(bundled(), session=".bashrc")},
        "its manifest.json is not valid",
    ),
    "an id with a line break": (
        lambda: {**bundled(), "manifest.json": manifest(bundled(), session=DONE.name + "\n")},
        "its manifest.json is not valid",
    ),
    "a file without an entry": (
        lambda: {**bundled(), "manifest.json": manifest({**bundled(), "note.json": b""})},
        "its files are not those of its manifest.json",
    ),
    "an entry without a file": (
        lambda: {name: content for name, content in bundled().items() if name != "events.jsonl"},
        "its files are not those of its manifest.json",
    ),
    "a wrong checksum": (
        lambda: {**bundled(), "events.jsonl": bundled()["events.jsonl"].replace(b"a", b"b")},
        "events.jsonl is damaged: its size or checksum",
    ),
    "no session.json": (lambda: with_changes(session__json=None), "it has no session.json"),
    "a session.json that is no JSON": (lambda: with_changes(session__json=b"<html>"), "cannot be read as JSON"),
    "an unknown field": (lambda: with_changes(session__json=session_json(evil=1)), "evil: there is no such field"),
    "another id": (
        lambda: with_changes(session__json=session_json(id="20261126T153348Z-other")),
        "session.json has another id",
    ),
    "events that are none": (lambda: with_changes(events__jsonl=b'{"type": "evil"}\n'), "line 1 is not an event"),
    "a note that is none": (lambda: with_changes(note__json=b'{"note": 1}'), "note.json is not a note"),
    "weights of another run": (lambda: with_changes(weights__safetensors=bytes(99)), "weights.safetensors is damaged"),
    "weights that are a pickle": (
        lambda: with_changes(
            weights__safetensors=b"\x80\x04.",
            session__json=session_json(weights_sha256=hashlib.sha256(b"\x80\x04.").hexdigest()),
        ),
        "weights.safetensors is damaged",
    ),
    "pickled objects in predictions": (
        lambda: with_changes(predictions__npz=predictions_with(index=np.array([{}], dtype=object))),
        "an array contains pickled objects",
    ),
    "unknown arrays": (lambda: with_changes(predictions__npz=predictions_with(evil=[1])), "it contains 'evil.npy'"),
    "too few arrays": (lambda: with_changes(predictions__npz=npz(index=[1])), "Cannot read the predictions"),
    "unknown classes": (
        lambda: with_changes(predictions__npz=predictions_with(predicted=np.full(40, 10))),
        "a class that session.json does not have",
    ),
    "compressed images": (lambda: with_changes(thumbnails__npz=compressed_npz()), "is compressed or encrypted"),
    "an array larger than its file": (
        lambda: with_changes(thumbnails__npz=npz_with_header("(1000000000000,)")),
        "another size than its header states",
    ),
    "an array of negative size": (
        lambda: with_changes(thumbnails__npz=npz_with_header("(-5, -2)")),
        "another size than its header states",
    ),
    "a header that is code": (
        lambda: with_changes(thumbnails__npz=npz_with_header("__import__('os').abort()")),
        "thumbnails.npz is damaged",
    ),
    "images that are none": (
        lambda: with_changes(thumbnails__npz=npz(index=[1], pictures=np.zeros((1, 8, 8), dtype=np.float64))),
        "it contains other arrays than images",
    ),
}


def outside(home: Path) -> list[Path]:
    """Everything next to the home folder."""
    return sorted(path for path in home.parent.rglob("*") if home not in (path, *path.parents))


def assert_refused(bundle: Path, message: str, home: Path, capsys: Output) -> None:
    """The bundle is refused for this reason, and leaves nothing."""
    around = outside(home)
    capsys.readouterr()
    assert guarded(cli, ["sessions", "import", str(bundle)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "\x1b" not in err
    assert ".import-" not in err
    assert sessions(home) == []
    assert outside(home) == around


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_damaged_bundles_are_refused(name: str, home: Path, tmp_path: Path, capsys: Output) -> None:
    files, message = HOSTILE[name]
    (tmp_path / "in").mkdir()
    bundle = write(tmp_path / "in" / "session.zip", files(), zipfile.ZIP_DEFLATED)
    assert_refused(bundle, message, home, capsys)


def rewritten(path: Path, change: Callable[[zipfile.ZipInfo], None]) -> Path:
    """The good bundle with the description of ``note.json`` changed."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in bundled().items():
            info = zipfile.ZipInfo(name)
            if name == "note.json":
                change(info)
            archive.writestr(info, content)
    return path


def test_the_good_bundle_of_these_tests_is_accepted(tmp_path: Path) -> None:
    assert guarded(cli, ["sessions", "import", str(write(tmp_path / "a.zip", bundled()))]) == 0
    again = rewritten(tmp_path / "b.zip", lambda info: None)
    assert guarded(cli, ["sessions", "import", str(again)]) == 0


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_links_and_special_files_are_refused(kind: int, home: Path, tmp_path: Path, capsys: Output) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = (kind | 0o777) << 16

    assert_refused(rewritten(tmp_path / "a.zip", change), "note.json is a link or another special file", home, capsys)


def test_other_compression_is_refused(home: Path, tmp_path: Path, capsys: Output) -> None:
    bundle = rewritten(tmp_path / "a.zip", lambda info: setattr(info, "compress_type", zipfile.ZIP_LZMA))
    assert_refused(bundle, "note.json is compressed by an unknown method", home, capsys)


def patched(path: Path, name: str, offset: int, value: bytes) -> Path:
    """The good bundle with bytes of a file's entry in the list of files replaced."""
    data = bytearray(write(path, bundled()).read_bytes())
    entry = data.rindex(name.encode()) - 46
    assert data[entry : entry + 4] == b"PK\x01\x02"
    data[entry + offset : entry + offset + len(value)] = value
    path.write_bytes(data)
    return path


def test_encrypted_files_are_refused(home: Path, tmp_path: Path, capsys: Output) -> None:
    assert_refused(patched(tmp_path / "a.zip", "note.json", 8, b"\x01"), "note.json is encrypted", home, capsys)


def test_a_size_beyond_the_limit_is_refused_before_anything_is_read(home: Path, tmp_path: Path, capsys: Output) -> None:
    bundle = patched(tmp_path / "a.zip", "thumbnails.npz", 24, struct.pack("<I", 2**31))
    assert_refused(bundle, "thumbnails.npz is larger than", home, capsys)


def test_a_file_that_unpacks_to_more_than_it_says_is_refused(home: Path, tmp_path: Path, capsys: Output) -> None:
    files = with_changes(note__json=b'{"note": "' + b" " * 50_000 + b'"}')
    short = {**files, "note.json": files["note.json"][:10]}
    bundle = write(tmp_path / "a.zip", {**files, "manifest.json": manifest(short)}, zipfile.ZIP_DEFLATED)
    data = bytearray(bundle.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 30), (b"PK\x01\x02", 46)):
        entry = data.index(mark)
        while data[entry + offset : entry + offset + 9] != b"note.json":
            entry = data.index(mark, entry + 1)
        size = entry + offset - 8 if mark == b"PK\x03\x04" else entry + 24
        data[size : size + 4] = struct.pack("<I", 10)
    bundle.write_bytes(data)
    assert_refused(bundle, "note.json is damaged", home, capsys)


def test_a_name_that_occurs_twice_is_refused(home: Path, tmp_path: Path, capsys: Output) -> None:
    bundle = write(tmp_path / "a.zip", bundled())
    with zipfile.ZipFile(bundle, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("session.json", b"{}")
    assert_refused(bundle, "it contains session.json twice", home, capsys)


def test_a_name_behind_a_nul_is_seen(home: Path, tmp_path: Path, capsys: Output) -> None:
    files = {**bundled(), "note.jsonXevil": b""}
    data = write(tmp_path / "a.zip", files).read_bytes().replace(b"note.jsonXevil", b"note.json\0evil")
    (tmp_path / "a.zip").write_bytes(data)
    assert_refused(tmp_path / "a.zip", "'note.json\\x00evil', which is no file of a session", home, capsys)


def test_a_long_list_of_files_is_not_even_read(home: Path, tmp_path: Path, capsys: Output) -> None:
    bundle = write(tmp_path / "a.zip", {**bundled(), **{f"{number:04}": b"" for number in range(3000)}})
    assert_refused(bundle, "its list of files is too long", home, capsys)


def test_every_cut_and_many_flips_are_refused_or_change_nothing(home: Path, tmp_path: Path, capsys: Output) -> None:
    data = export(DONE, tmp_path / "good.zip").read_bytes()
    target = tmp_path / "bad.zip"
    for cut in range(0, len(data), len(data) // 40):
        target.write_bytes(data[:cut])
        assert_refused(target, "is not a valid bundle", home, capsys)
    chance = np.random.default_rng(0)
    tail = len(data) - 1500  # the list of files and the manifest
    places = [*chance.integers(0, len(data), 40), *chance.integers(tail, len(data), 200)]
    for place in map(int, places):
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(chance.integers(8))
        target.write_bytes(flipped)
        code = guarded(cli, ["sessions", "import", str(target)])
        if code == 0:  # a date or another field without a meaning here
            assert contents(home / "sessions" / DONE.name) == contents(DONE)
            shutil.rmtree(home / "sessions" / DONE.name)
        else:
            assert code == 2
        assert sessions(home) == []


def test_other_files_are_no_bundles(home: Path, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "a.zip").write_bytes(b"<!DOCTYPE html>")
    assert_refused(tmp_path / "a.zip", "cannot be read as a zip file", home, capsys)
    assert_refused(tmp_path / "missing.zip", "There is no file", home, capsys)
    assert_refused(tmp_path, "There is no file", home, capsys)


def test_importing_removes_what_an_interrupted_import_has_left(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, left = export(DONE, tmp_path / "a.zip"), home / "sessions" / ".import-1"
    left.mkdir(parents=True)
    assert guarded(cli, ["sessions", "import", str(bundle)]) == 0
    assert left.exists()  # it may be in progress
    monkeypatch.setattr(hidden_folders, "_ABANDONED_SECONDS", -1.0)
    assert guarded(cli, ["sessions", "import", str(bundle)]) == 0
    assert sessions(home) == [DONE.name]


def test_a_disk_that_fails_leaves_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    bundle = export(DONE, tmp_path / "a.zip")
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name.startswith(".import-"):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    assert guarded(cli, ["sessions", "import", str(bundle)]) == 1
    assert "The disk is full" in capsys.readouterr().err
    assert sessions(home) == []
