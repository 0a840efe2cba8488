"""Downloads against a server on this machine that drops, truncates, corrupts, redirects and refuses."""

import hashlib
import io
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emg_io import EmgIoError
from emg_io.downloads import CATALOGUE, Patience, Publication, Remote, _disk, _http, get
from emg_io.downloads import _get as getter
from emg_io.downloads._http import _Redirects
from emg_io.downloads._tar import unpack
from emg_io.formats import REGISTRY

QUICK = Patience(tries=3, pause_s=0.0, timeout_s=5.0)
BODY = bytes(range(256)) * 400


@dataclass
class Behaviour:
    """What the server does to one path, request by request."""

    body: bytes = BODY
    cuts: list = field(default_factory=list)  # bytes after which each answer breaks off
    codes: list = field(default_factory=list)  # statuses answered before the file
    redirect: str = ""
    tag: str = '"one"'
    ranges: bool = True
    length: bool = True
    wrong_range: bool = False
    deaf: bool = False  # a server that does not know If-Range
    headers: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        behaviour = self.server.paths[self.path]
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        behaviour.asked.append((wanted, condition))
        if behaviour.redirect:
            self.send_response(302)
            self.send_header("Location", behaviour.redirect)
            self.end_headers()
            return
        if behaviour.codes:
            self.send_error(behaviour.codes.pop(0))
            return
        start = 0
        if wanted and behaviour.ranges and (behaviour.deaf or condition in {None, behaviour.tag}):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(behaviour.body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(behaviour.body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            told = start + 7 if behaviour.wrong_range else start
            self.send_header("Content-Range", f"bytes {told}-{len(behaviour.body) - 1}/{len(behaviour.body)}")
        else:
            self.send_response(200)
        rest = behaviour.body[start:]
        if behaviour.length:
            self.send_header("Content-Length", str(len(rest)))
        if behaviour.tag:
            self.send_header("ETag", behaviour.tag)
        for name, value in behaviour.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(rest[: behaviour.cuts.pop(0)] if behaviour.cuts else rest)


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.paths = {}
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{made.server_port}"
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def sha256(data=BODY):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def publication(server, *, digest="", size=None, name="a.zip", **changes):
    files = (Remote(f"{server.url}/{name}", name, size, digest),)
    return Publication("set", "uci", "http://home", files, **changes)


def fetched(entry, folder, **changes):
    arguments = {"accept_licence": True, "offline": False, "patience": QUICK, "progress": getter._silent} | changes
    return getter.fetch(entry, folder, **arguments)


def test_a_file_arrives_whole_once(server, tmp_path):
    server.paths["/a.zip"] = Behaviour()
    seen = []
    (path,) = fetched(
        publication(server, digest=sha256(), size=len(BODY)), tmp_path, progress=lambda *a: seen.append(a)
    )
    assert path.read_bytes() == BODY
    assert seen[-1] == ("a.zip", len(BODY), len(BODY))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", getter.RECORD]
    fetched(publication(server, digest=sha256()), tmp_path)
    assert len(server.paths["/a.zip"].asked) == 1
    assert fetched(publication(server), tmp_path, offline=True) == [path]  # proven by what was noted


@pytest.mark.parametrize("digest", ["", sha256(), f"md5:{hashlib.md5(BODY, usedforsecurity=False).hexdigest()}"])
def test_a_server_that_drops_is_asked_for_the_rest(server, tmp_path, digest):
    server.paths["/a.zip"] = Behaviour(cuts=[10_000, 0, 5_000, 30_000])
    (path,) = fetched(publication(server, digest=digest), tmp_path)
    assert path.read_bytes() == BODY
    ranges = [wanted for wanted, _ in server.paths["/a.zip"].asked]
    assert ranges == [None, "bytes=10000-", "bytes=10000-", "bytes=15000-", "bytes=45000-"]
    assert server.paths["/a.zip"].asked[1][1] == '"one"'


def test_a_server_that_stops_for_good_leaves_what_came(server, tmp_path):
    server.paths["/a.zip"] = Behaviour(cuts=[10_000, 0, 0, 0])
    with pytest.raises(EmgIoError, match=r"byte 10000: download broke off: run it again.*expected 102400 bytes"):
        fetched(publication(server), tmp_path)
    assert not (tmp_path / "a.zip").exists()
    assert (tmp_path / "a.zip.part").stat().st_size == 10_000
    (path,) = fetched(publication(server), tmp_path)
    assert path.read_bytes() == BODY
    assert server.paths["/a.zip"].asked[-1][0] == "bytes=10000-"


def test_a_file_that_changed_meanwhile_is_begun_anew(server, tmp_path):
    server.paths["/a.zip"] = Behaviour(cuts=[10_000, 0, 0, 0])
    with pytest.raises(EmgIoError, match="broke off"):
        fetched(publication(server), tmp_path)
    server.paths["/a.zip"] = Behaviour(body=BODY[::-1], tag='"two"')
    (path,) = fetched(publication(server), tmp_path)
    assert path.read_bytes() == BODY[::-1]


@pytest.mark.parametrize("changes", [{"tag": 'W/"one"'}, {"deaf": True}])
def test_bytes_of_two_versions_are_never_glued_together(server, tmp_path, changes):
    """A weak tag proves nothing, and a server that does not know If-Range is found out by the tag it answers."""
    server.paths["/a.zip"] = Behaviour(cuts=[10_000, 0, 0, 0], **changes)
    with pytest.raises(EmgIoError, match="broke off"):
        fetched(publication(server), tmp_path)
    tag = 'W/"one"' if "tag" in changes else '"two"'
    server.paths["/a.zip"] = Behaviour(body=BODY[::-1], **(changes | {"tag": tag}))
    (path,) = fetched(publication(server), tmp_path)
    assert path.read_bytes() == BODY[::-1]


def test_a_file_that_had_come_whole_is_not_fetched_again(server, tmp_path):
    server.paths["/a.zip"] = Behaviour()
    (tmp_path / "a.zip.part").write_bytes(BODY)
    (tmp_path / "a.zip.part.tag").write_text('"one"')
    (path,) = fetched(publication(server), tmp_path)
    assert path.read_bytes() == BODY
    assert [wanted for wanted, _ in server.paths["/a.zip"].asked] == [f"bytes={len(BODY)}-"]


@pytest.mark.parametrize("at", [0, 1])
def test_control_c_leaves_what_came_and_the_next_call_goes_on(server, tmp_path, monkeypatch, at):
    monkeypatch.setattr(_http, "BLOCK_BYTES", 30_000)
    server.paths["/a.zip"], seen = Behaviour(), []

    def stop(*arguments):
        seen.append(arguments)
        if len(seen) == at + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetched(publication(server), tmp_path, progress=stop)
    assert (tmp_path / "a.zip.part").stat().st_size == 30_000 * (at + 1)
    assert not (tmp_path / ".lock").exists()
    (path,) = fetched(publication(server), tmp_path)
    assert path.read_bytes() == BODY
    assert server.paths["/a.zip"].asked[-1] == (f"bytes={30_000 * (at + 1)}-", '"one"')


def test_two_processes_do_not_write_to_one_folder(server, tmp_path):
    server.paths["/a.zip"] = Behaviour()
    refused = []

    def again(*_):
        with pytest.raises(EmgIoError, match="another process writes to this") as caught:
            fetched(publication(server), tmp_path)
        refused.append(caught.value.file)

    (path,) = fetched(publication(server), tmp_path, progress=again)
    assert refused[0] == str(tmp_path)
    assert path.read_bytes() == BODY


def test_archives_of_the_same_name_from_another_set_are_not_taken_for_these(server, tmp_path):
    """NinaPro DB1, DB4 and DB5 all call their archives s1.zip."""
    server.paths |= {"/db1/s1.zip": Behaviour(), "/db4/s1.zip": Behaviour(body=BODY[::-1])}
    sets = [
        Publication(name, "uci", "home", (Remote(f"{server.url}/{name}/s1.zip", "s1.zip"),)) for name in ("db1", "db4")
    ]
    fetched(sets[0], tmp_path)
    for offline in (False, True):
        with pytest.raises(
            EmgIoError, match=r"holds another download of this name.*expected .*db4/s1.zip, found .*db1"
        ):
            fetched(sets[1], tmp_path, offline=offline)
    assert (tmp_path / "s1.zip").read_bytes() == BODY


@pytest.mark.parametrize(("headers", "message"), [
    ({"Content-Type": "text/html; charset=utf-8"}, "Content-Type: the server sent something else.*found text/html"),
    ({"Content-Encoding": "gzip"}, "Content-Encoding: the server sent something else.*found gzip"),
])  # fmt: skip
def test_pages_and_compressed_answers_are_no_files(server, tmp_path, headers, message):
    server.paths["/a.zip"] = Behaviour(headers=headers)
    with pytest.raises(EmgIoError, match=message):
        fetched(publication(server), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path, monkeypatch):
    server.paths["/a.zip"] = Behaviour()
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(EmgIoError, match=r"file.*cannot be written: name another place"):
            fetched(publication(server), folder)
    (tmp_path / "x" / "a.zip.part").mkdir(parents=True)
    with pytest.raises(EmgIoError, match=r"a\.zip\.part: cannot be written"):
        fetched(publication(server, digest=sha256()), tmp_path / "x")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_http.os, "fsync", full)
    with pytest.raises(EmgIoError, match=r"cannot be written.*No space left on device"):
        fetched(publication(server), tmp_path / "y")


def test_a_network_that_fails_oddly_is_asked_again(server, tmp_path, monkeypatch):
    server.paths["/a.zip"], fails = Behaviour(), [OSError(113, "No route to host")]
    block = _http._block

    def odd(answer):
        return block(type("A", (), {"read": lambda *_: (_ for _ in ()).throw(fails.pop())})() if fails else answer)

    monkeypatch.setattr(_http, "_block", odd)
    assert fetched(publication(server), tmp_path)[0].read_bytes() == BODY
    assert len(server.paths["/a.zip"].asked) == 2


def test_without_tag_and_digest_nothing_is_glued_together(server, tmp_path):
    server.paths["/a.zip"] = Behaviour(cuts=[10_000], tag="")
    (path,) = fetched(publication(server), tmp_path)
    assert path.read_bytes() == BODY
    assert [wanted for wanted, _ in server.paths["/a.zip"].asked] == [None, None]


def test_a_server_without_ranges_is_asked_for_all(server, tmp_path):
    server.paths["/a.zip"] = Behaviour(cuts=[10_000], ranges=False)
    (path,) = fetched(publication(server), tmp_path)
    assert path.read_bytes() == BODY


def test_corrupt_content_is_never_accepted(server, tmp_path):
    server.paths["/a.zip"] = Behaviour(body=BODY[:-1] + b"x")
    with pytest.raises(EmgIoError, match=r"sha256: not the published file: removed.*expected [0-9a-f]{64}, found"):
        fetched(publication(server, digest=sha256()), tmp_path)
    assert list(tmp_path.iterdir()) == []
    server.paths["/a.zip"] = Behaviour()
    fetched(publication(server, digest=sha256()), tmp_path)


def test_a_damaged_file_is_fetched_again(server, tmp_path):
    server.paths["/a.zip"] = Behaviour()
    (path,) = fetched(publication(server), tmp_path)
    path.write_bytes(BODY[:-1] + b"x")
    with pytest.raises(EmgIoError, match=r"offline, and files are missing or damaged: expected 1 files, found 1"):
        fetched(publication(server), tmp_path, offline=True)
    fetched(publication(server), tmp_path)
    assert path.read_bytes() == BODY


def test_sizes_that_differ_from_the_publisher(server, tmp_path):
    server.paths["/a.zip"] = Behaviour()
    with pytest.raises(EmgIoError, match="Content-Length: size differs from what is published: expected 5"):
        fetched(publication(server, size=5), tmp_path)


def test_a_part_that_is_too_long_is_begun_anew_or_refused(server, tmp_path):
    server.paths["/a.zip"] = Behaviour()
    (tmp_path / "a.zip.part").write_bytes(BODY + b"more")
    (path,) = fetched(publication(server, digest=sha256()), tmp_path)
    assert path.read_bytes() == BODY
    (tmp_path / "b.zip.part").write_bytes(BODY + b"more")
    server.paths["/b.zip"] = Behaviour()
    with pytest.raises(EmgIoError, match=r"more bytes than declared: remove the .part file"):
        fetched(publication(server, digest=sha256(), size=len(BODY), name="b.zip"), tmp_path)


def test_statuses(server, tmp_path):
    server.paths["/a.zip"] = Behaviour(codes=[503, 429])
    assert fetched(publication(server), tmp_path / "1")
    server.paths["/a.zip"] = Behaviour(codes=[503] * 9)
    with pytest.raises(EmgIoError, match=r"broke off.*found status 503"):
        fetched(publication(server), tmp_path / "2")
    server.paths["/a.zip"] = Behaviour(codes=[404])
    with pytest.raises(EmgIoError, match="status: the server refuses: expected 200 or 206, found 404"):
        fetched(publication(server), tmp_path / "3")


def test_answers_that_prove_nothing(server, tmp_path):
    server.paths["/a.zip"] = Behaviour(length=False)
    with pytest.raises(EmgIoError, match="declares no length"):
        fetched(publication(server), tmp_path / "1")
    assert fetched(publication(server, digest=sha256()), tmp_path / "2")
    server.paths["/a.zip"] = Behaviour(cuts=[10], wrong_range=True)
    with pytest.raises(EmgIoError, match="Content-Range: the server sent another range: expected bytes 10-"):
        fetched(publication(server), tmp_path / "3")


def test_redirects(server, tmp_path):
    server.paths["/a.zip"] = Behaviour(redirect="/b.zip")
    server.paths["/b.zip"] = Behaviour()
    assert fetched(publication(server, digest=sha256()), tmp_path)[0].read_bytes() == BODY
    server.paths["/c.zip"] = Behaviour(redirect="/c.zip")
    with pytest.raises(EmgIoError, match=r"refuses.*302|redirect"):
        fetched(publication(server, name="c.zip"), tmp_path)
    server.paths["/d.zip"] = Behaviour(redirect="file:///etc/hostname")
    with pytest.raises(EmgIoError, match=r"unsafe|refuses"):
        fetched(publication(server, name="d.zip"), tmp_path)
    request = type("R", (), {"full_url": "https://a/b"})()
    with pytest.raises(EmgIoError, match="redirect to an unsafe address: expected https, found http://a"):
        _Redirects().redirect_request(request, None, 302, "", {}, "http://a/b")


def test_only_the_web(tmp_path):
    entry = Publication("set", "uci", "home", (Remote("file:///etc/hostname", "x"),))
    with pytest.raises(EmgIoError, match="scheme: not a web address: expected http or https"):
        fetched(entry, tmp_path)


def test_a_server_that_is_not_there(tmp_path):
    entry = Publication("set", "uci", "home", (Remote("http://127.0.0.1:9/x", "x"),))
    with pytest.raises(EmgIoError, match="broke off"):
        fetched(entry, tmp_path)


def test_licence_comes_first(tmp_path):
    with pytest.raises(EmgIoError, match=r"licence is not accepted: read it.*found .*CC BY 4.0.*cite Lobov"):
        get("uci", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("EMG_IO_OFFLINE", "1")
    with pytest.raises(EmgIoError, match="offline, and files are missing or damaged: expected 27 files, found 27"):
        get("ninapro-db1", tmp_path, accept_licence=True)
    with pytest.raises(EmgIoError, match="offline, and the list of files is missing"):
        get("hyser", tmp_path, accept_licence=True)


def test_disk_space_is_looked_at_first(server, tmp_path, monkeypatch):
    server.paths["/a.zip"] = Behaviour()
    monkeypatch.setattr(_disk.shutil, "disk_usage", lambda _: type("U", (), {"free": 10**6})())
    with pytest.raises(EmgIoError, match=r"free space: disk is too small.*found 1000000 bytes"):
        fetched(publication(server, size=10**9), tmp_path)
    assert not server.paths["/a.zip"].asked
    monkeypatch.setattr(_disk, "MARGIN_BYTES", 10**6 - 100)
    with pytest.raises(EmgIoError, match=r"free space: disk is too small"):
        fetched(publication(server), tmp_path)  # the size is not published: the server tells it
    assert not (tmp_path / "a.zip.part").exists()


def test_a_publishers_list_of_digests(server, tmp_path):
    files = {"RECORDS": b"a\n", "s1/a b.dat": b"12345", "s1/a.hea": b"x"}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()} {name}\n" for name, data in files.items())
    server.paths["/SHA256SUMS.txt"] = Behaviour(body=sums.encode())
    server.paths |= {"/" + name.replace(" ", "%20"): Behaviour(body=data) for name, data in files.items()}
    entry = Publication("set", "uci", "home", sums=f"{server.url}/SHA256SUMS.txt")
    paths = fetched(entry, tmp_path)
    assert {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in paths} == files
    assert fetched(entry, tmp_path, offline=True) == paths
    for bad in ("", "xyz  a\n", f"{'0' * 64}  ../a\n", f"{'0' * 64}  /etc/a\n"):
        server.paths["/SHA256SUMS.txt"] = Behaviour(body=bad.encode())
        with pytest.raises(EmgIoError, match=r"not a list of digests|list of digests is empty|declares"):
            fetched(entry, tmp_path / "bad")


def tar_of(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc"
            else:
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data or b""))
    return out.getvalue()


def test_tar_archives_are_unpacked(server, tmp_path):
    server.paths["/a.tar.gz"] = Behaviour(body=tar_of(("x/1.npy", b"one"), ("x/2.npy", b"two")))
    entry = publication(server, name="a.tar.gz", unpack=True)
    paths = fetched(entry, tmp_path)
    assert [p.read_bytes() for p in paths] == [b"one", b"two"]
    (tmp_path / "x/1.npy").write_bytes(b"")
    assert [p.read_bytes() for p in fetched(entry, tmp_path)] == [b"one", b"two"]


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "c:x", "a\\x"])
def test_tar_members_stay_below_the_folder(tmp_path, name):
    (tmp_path / "a.tar").write_bytes(tar_of((name, b"1")))
    with pytest.raises(EmgIoError, match="member 0: unsafe archive member"):
        unpack(tmp_path / "a.tar", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tar_links_and_damage(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar_of(("x", None)))
    with pytest.raises(EmgIoError, match="unsafe archive member"):
        unpack(tmp_path / "a.tar", tmp_path / "out")
    (tmp_path / "b.tar").write_bytes(tar_of(("x", b"1" * 9000))[:-40])
    with pytest.raises(EmgIoError, match="damaged archive"):
        unpack(tmp_path / "b.tar", tmp_path / "out")
    (tmp_path / "c.tar").write_bytes(b"no archive at all")
    with pytest.raises(EmgIoError, match="after 0 files: damaged archive"):
        unpack(tmp_path / "c.tar", tmp_path / "out")


def test_catalogue_is_sound(tmp_path):
    for name, entry in CATALOGUE.items():
        assert entry.name == name
        assert entry.format in REGISTRY
        assert entry.homepage.startswith("http")
        assert bool(entry.files) != bool(entry.sums)
        assert len({remote.name for remote in entry.files}) == len(entry.files)
        for remote in entry.files:
            assert remote.url.startswith(("https://", "http://zju-capg.org/"))
            assert "{" not in remote.url + remote.name
            assert remote.digest.split(":")[0] in {"", "md5", "sha256"}
    assert [len(CATALOGUE[f"ninapro-db{n}"].files) for n in range(1, 9)] == [27, 40, 11, 10, 10, 20, 22, 36]
    with pytest.raises(EmgIoError, match=r"no download is known: expected .*uci.*, found nothing"):
        get("nothing", tmp_path)


def test_sets_that_only_pages_lead_to(tmp_path):
    with pytest.raises(EmgIoError, match="the publisher's pages lead to the files: follow them"):
        fetched(Publication("set", "uci", "https://home"), tmp_path)
