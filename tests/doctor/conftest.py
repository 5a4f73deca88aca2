import socket
import threading
from collections.abc import Callable, Iterator

import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest
import typer
from typer.testing import CliRunner, Result

from digest.cli.doctor import doctor
from tests.doctor.helpers import Zone
from tests.mail import conftest as mail_fixtures

certificate = mail_fixtures.certificate

trusted = mail_fixtures.trusted

serve = mail_fixtures.serve


# The command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    application = typer.Typer(pretty_exceptions_enable=False)
    application.command()(doctor)

    def run(*words: str, **wanted: str) -> Result:
        for name, value in wanted.items():
            monkeypatch.setenv(f"DIGEST_{name.upper()}", value)
        return CliRunner().invoke(application, words)

    return run


@pytest.fixture
def resolve() -> Iterator[Callable[[Zone], dns.resolver.Resolver]]:
    """Start name servers; a name that is not in the zone does not exist."""
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def answer(zone: Zone, question: bytes) -> bytes:
        query = dns.message.from_wire(question)
        response = dns.message.make_response(query, recursion_available=True)
        name, kind = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
        asked = name.to_text(omit_final_dot=True)
        records = zone.get(asked if kind == "TXT" else f"{asked} {kind}")
        if records:
            if kind == "TXT":
                records = [" ".join(f'"{piece}"' for piece in one.split("|")) for one in records]
            response.answer.append(dns.rrset.from_text_list(name, 60, "IN", kind, records))
        elif asked not in {key.partition(" ")[0] for key in zone}:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()

    def run(listener: socket.socket, zone: Zone) -> None:
        while True:
            question, asker = listener.recvfrom(4096)
            if not question:
                return
            listener.sendto(answer(zone, question), asker)

    def start(zone: Zone) -> dns.resolver.Resolver:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        sockets.append(listener)
        threads.append(threading.Thread(target=run, args=(listener, zone)))
        threads[-1].start()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = listener.getsockname()[1]
        return resolver

    yield start
    for listener, thread in zip(sockets, threads, strict=True):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", listener.getsockname())
        thread.join(10)
        listener.close()
