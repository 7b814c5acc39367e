"""The download against a server that cuts, stalls and lies: nothing unverified gets the archive's name."""

import errno
import os
import socket
import threading
from pathlib import Path

import pytest
from cifar_files import describe
from downloads import TROUBLES, disagreeing, killed, trouble_with
from server import CONTENT, CUT, cut, nothing, running, silence, stall, start, status

from pipeline.data.download import NoNetworkError, fetch
from pipeline.errors import DataError, HostError
from pipeline.files import lock

ARCHIVE = describe("toy.tar.gz", CONTENT)
TIMEOUT = 0.3


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def part_size(folder):
    return (folder / "toy.tar.gz.part").stat().st_size


def files(folder):
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_download_is_verified_named_and_reported(folder):
    told = []
    with running() as server:
        path = fetch(ARCHIVE, folder, server.url, progress=lambda *told_: told.append(told_), timeout=TIMEOUT)
    assert path == folder / "toy.tar.gz"
    assert path.read_bytes() == CONTENT
    assert files(folder) == {"toy.tar.gz"}
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(told) == told
    assert server.asked == [(None, None)]


def test_after_a_cut_the_rest_is_asked_for_from_the_byte_where_it_stopped(folder):
    with running(cut) as server:
        path = fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert server.asked == [(None, None), (f"bytes={CUT}-", '"one"')]
    assert path.read_bytes() == CONTENT


def test_a_run_that_gave_up_is_resumed_by_the_next_one(folder):
    with running(cut, nothing) as server:
        with pytest.raises(HostError, match=rf"got {CUT:,} of {len(CONTENT):,} bytes .*; run again to resume"):
            fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
        assert files(folder) == {"toy.tar.gz.part", "toy.tar.gz.part.etag"}
        assert (folder / "toy.tar.gz.part").read_bytes() == CONTENT[:CUT]
        told = []
        fetch(ARCHIVE, folder, server.url, progress=lambda done, _: told.append(done), timeout=TIMEOUT)
    assert server.asked[-1] == (f"bytes={CUT}-", '"one"')
    assert told[0] > CUT
    assert (folder / "toy.tar.gz").read_bytes() == CONTENT
    assert files(folder) == {"toy.tar.gz"}


def test_a_stalled_transfer_keeps_what_came_and_is_resumed(folder):
    with running(stall, stall, silence) as server:
        with pytest.raises(HostError, match=f"got {2 * CUT:,} of") as caught:
            fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
        assert not isinstance(caught.value, NoNetworkError)  # there was one
        assert part_size(folder) == 2 * CUT
        assert [asked for asked, _ in server.asked] == [None, f"bytes={CUT}-", f"bytes={2 * CUT}-"]
        assert fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT).read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_is_read_from_the_start(folder):
    with running(cut, ranges=False) as server:
        path = fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert server.asked[1][0] == f"bytes={CUT}-"
    assert path.read_bytes() == CONTENT


def test_a_changed_file_is_begun_anew(folder):
    with running(cut, nothing, etag='"old"', content=CONTENT[::-1]) as server:
        with pytest.raises(HostError):
            fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
        server.etag, server.content = '"new"', CONTENT
        path = fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert server.asked[-1] == (f"bytes={CUT}-", '"old"')
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "lie",
    [
        {"ETag": '"another"'},
        {"Content_Range": f"bytes {CUT}-{len(CONTENT)}/{len(CONTENT) + 1}"},
        {"Content_Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"},
        {"Content_Range": None},
    ],
)
def test_a_rest_that_belongs_to_something_else_is_not_appended(lie, folder):
    with running(cut, lambda server, handler: handler.wfile.write(start(server, handler, **lie))) as server:
        path = fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert [asked for asked, _ in server.asked] == [None, f"bytes={CUT}-", None]
    assert path.read_bytes() == CONTENT


def test_a_rest_that_cannot_be_served_is_begun_anew(folder):
    with running(cut, status(416)) as server:
        path = fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert [asked for asked, _ in server.asked] == [None, f"bytes={CUT}-", None]
    assert path.read_bytes() == CONTENT


def test_a_server_that_will_not_start_at_the_start_is_given_up(folder):
    with running(status(416)) as server, pytest.raises(HostError, match="must be sent from its start"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [403, 404, 503])
def test_a_refusal_is_the_hosts_fault_but_there_is_a_network(code, folder):
    with running(status(code)) as server, pytest.raises(HostError, match=f"must be served, got {code}") as caught:
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert not isinstance(caught.value, NoNetworkError)


def test_a_web_page_is_no_archive(folder):
    def page(server, handler):
        handler.wfile.write(start(server, handler, Content_Type="text/html; charset=utf-8"))

    with running(page) as server, pytest.raises(HostError, match="got a web page"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert files(folder) == set()


@pytest.mark.parametrize("length", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_another_length_is_refused_before_anything_is_written(length, folder):
    def lie(server, handler):
        start(server, handler, Content_Length=length)

    with running(lie) as server, pytest.raises(DataError, match=f"must be {len(CONTENT):,} bytes long, got {length}"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert files(folder) == set()


def test_more_bytes_than_the_archive_has_are_refused_where_no_length_was_said(folder):
    def flood(server, handler):
        start(server, handler, Content_Length=None)
        handler.wfile.write(CONTENT + b"!")

    with running(flood) as server, pytest.raises(DataError, match="bytes long, got more"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert files(folder) == set()


def test_a_wrong_checksum_is_damage_and_the_next_run_starts_clean(folder):
    with running() as server:
        server.content = b"?" + CONTENT[1:]
        with pytest.raises(DataError, match=r"toy.tar.gz.part must have the md5"):
            fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
        assert files(folder) == set()
        server.content = CONTENT
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert server.asked[-1] == (None, None)
    assert files(folder) == {"toy.tar.gz"}


def test_a_part_that_is_complete_is_only_verified(folder):
    folder.mkdir()
    (folder / "toy.tar.gz.part").write_bytes(CONTENT)
    with running() as server:
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert server.asked == []
    assert files(folder) == {"toy.tar.gz"}


def test_a_part_that_is_too_long_is_begun_anew(folder):
    folder.mkdir()
    (folder / "toy.tar.gz.part").write_bytes(CONTENT + b"!")
    with running() as server:
        assert fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT).read_bytes() == CONTENT
    assert server.asked == [(None, None)]


def test_silence_counts_as_no_network_and_leaves_no_trace(folder):
    with running(silence) as server, pytest.raises(NoNetworkError, match="must"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert not folder.exists()


def test_a_refused_connection_counts_as_no_network(folder):
    with running() as server:
        pass  # the port is free again
    with pytest.raises(NoNetworkError, match=r"must be reachable, got .*refused"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert not folder.exists()


def test_a_name_service_that_never_answers_counts_as_no_network(folder, monkeypatch):
    answer = threading.Event()

    def look_up(*_):
        answer.wait()
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(NoNetworkError, match=r"must answer within 0\.3 s, got no answer"):
        fetch(ARCHIVE, folder, "http://cifar.invalid/toy.tar.gz", timeout=TIMEOUT)
    answer.set()


def test_without_a_network_a_part_is_kept_for_later(folder):
    folder.mkdir()
    (folder / "toy.tar.gz.part").write_bytes(CONTENT[:CUT])
    with running() as server:
        pass
    with pytest.raises(NoNetworkError):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert part_size(folder) == CUT


def test_two_downloads_into_one_folder_do_not_mix(folder):
    folder.mkdir()
    with running() as server, lock(folder), pytest.raises(HostError, match="one run at a time"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert server.asked == []


def test_a_folder_that_cannot_be_made_is_the_hosts_fault(tmp_path):
    (tmp_path / "file").touch()
    with running() as server, pytest.raises(HostError, match="must be writable"):
        fetch(ARCHIVE, tmp_path / "file" / "data", server.url, timeout=TIMEOUT)


@pytest.mark.parametrize("name", TROUBLES)
def test_whatever_a_server_does_the_file_is_here_in_the_end_and_nothing_else_gets_its_name(name, tmp_path):
    assert trouble_with(TROUBLES[name], tmp_path / "data") == ""


def test_what_a_killed_process_has_downloaded_is_resumed(tmp_path):
    assert killed(CUT, tmp_path / "data")[0] == ""


def test_servers_that_disagree_for_ever_are_given_up_after_one_new_start(folder):
    with running(*[disagreeing] * 50) as server, pytest.raises(HostError, match="must stay the same file until it is"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
    assert len(server.asked) == 4


def refusing(honest, opening="toy.tar.gz"):
    """Return a function of paths that a disk refuses where their name begins so."""

    def refuse(path, *args, **how):
        if Path(path).name.startswith(opening):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return honest(path, *args, **how)

    return refuse


@pytest.mark.parametrize("call", ["stat", "read_text", "write_text", "open", "replace", "unlink"])
def test_a_disk_that_refuses_the_files_of_a_download_is_named_in_one_line(call, folder, monkeypatch):
    folder.mkdir()
    (folder / "toy.tar.gz.part").write_bytes(CONTENT[:CUT])
    (folder / "toy.tar.gz.part.etag").write_text('"another"')  # so that all is downloaded, and written, anew
    monkeypatch.setattr(Path, call, refusing(getattr(Path, call)))
    with running() as server, pytest.raises(HostError, match=r"toy\.tar\.gz\S* must be \w+, got Input/output error$"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)


def test_a_disk_that_cannot_read_back_what_came_is_named_in_one_line(folder, monkeypatch):
    folder.mkdir()
    (folder / "toy.tar.gz.part").write_bytes(CONTENT)
    monkeypatch.setattr(Path, "open", refusing(Path.open))
    with running() as server, pytest.raises(HostError, match=r"part must be readable, got Input/output error$"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)


def test_without_a_network_that_is_told_although_the_folder_cannot_be_removed(folder, monkeypatch):
    monkeypatch.setattr(os, "rmdir", refusing(os.rmdir, "data"))
    with running(silence) as server, pytest.raises(NoNetworkError, match="must"):
        fetch(ARCHIVE, folder, server.url, timeout=TIMEOUT)
