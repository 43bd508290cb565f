"""Servers that cannot be reached at all, or that are not who they should be: no key is sent, nothing is written."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.crash.launcher import Call
from tests.crash.stage import Program
from tests.fake import FakeArgilla, serve


@dataclass
class Terminal:
    """Runs the program against one server, without waiting before it tries again."""

    program: Program
    folder: Path

    def run(self, url: str, ca_file: Path | None = None) -> tuple[int, str]:
        """Exit code and output of a dry run."""
        lines = ["[servers.a]", f"url = {json.dumps(url)}", 'api_key_env = "KEY"', "insecure_http = true"]
        lines += [f"ca_file = {json.dumps(str(ca_file))}"] if ca_file else []
        (self.folder / "syncer.toml").write_text("\n".join(lines), encoding="utf-8")
        output, commits = self.folder / "out", self.folder / "commits"
        environment = {"KEY": "a-secret-key", "XDG_STATE_HOME": str(self.folder / "user")}
        arguments = ("diff", "a:one/reviews", "a:argilla/reviews")
        call = Call(arguments, str(self.folder), environment, str(output), str(commits), hurry=True)
        return self.program.run(call), output.read_text(encoding="utf-8")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Program() as program:
        yield Terminal(program, tmp_path)


@pytest.fixture
def fake() -> FakeArgilla:
    made = FakeArgilla("2.8.0")
    for workspace in ("one", "argilla"):
        made.add_dataset("reviews", workspace)
    made.owner.api_key = "a-secret-key"
    return made


def test_nobody_listens(terminal: Terminal) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
        code, output = terminal.run(f"http://{address}")
    assert code == 1
    assert output.count("trying again") == 5
    assert address in output
    assert "next: Check the URL" in output
    assert "Traceback" not in output


def test_a_name_that_nobody_has(terminal: Terminal) -> None:
    code, output = terminal.run("http://argilla.invalid")
    assert code == 1
    assert "argilla.invalid" in output
    assert "next: Check the URL" in output


def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(made)
    return made


@pytest.mark.parametrize(
    ("hosts", "age", "known", "words"),
    [
        (("127.0.0.1",), -1, True, "expired"),
        (("elsewhere.example",), 1, True, "not valid for '127.0.0.1'|mismatch"),
        (("127.0.0.1",), 1, False, "unable to get local issuer certificate|self-signed"),
    ],
    ids=["expired", "another host", "an unknown authority"],
)
def test_a_certificate_that_is_not_right_ends_it_at_once(
    terminal: Terminal, fake: FakeArgilla, hosts: tuple[str, ...], age: int, known: bool, words: str
) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    until = datetime.now(UTC) + timedelta(days=age)
    certificate = authority.issue_cert(*hosts, not_before=until - timedelta(days=9), not_after=until)
    trusted = terminal.folder / "ca.pem"
    (authority if known else stranger).cert_pem.write_to_path(str(trusted))
    with serve(fake, context(certificate)) as served:
        code, output = terminal.run(served.url, trusted)
    assert code == 1
    assert re.search(f"TLS certificate is not valid.*({words})", output), output
    assert "trying again" not in output
    assert list(fake.log) == []
    assert "a-secret-key" not in output


def test_a_certificate_of_a_known_authority_is_good(terminal: Terminal, fake: FakeArgilla) -> None:
    authority = trustme.CA()
    trusted = terminal.folder / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    with serve(fake, context(authority.issue_cert("127.0.0.1"))) as served:
        code, output = terminal.run(served.url, trusted)
    assert code == 0, output


def test_plain_http_to_another_machine_is_refused(tmp_path: Path) -> None:
    with Program() as program:
        (tmp_path / "syncer.toml").write_text('[servers.a]\nurl = "http://192.0.2.1"\napi_key_env = "KEY"\n')
        output = tmp_path / "out"
        arguments = ("diff", "a:one/reviews", "a:argilla/reviews")
        call = Call(arguments, str(tmp_path), {"KEY": "k"}, str(output), str(tmp_path / "commits"))
        assert program.run(call) == 2
    assert "insecure_http = true" in output.read_text(encoding="utf-8")
