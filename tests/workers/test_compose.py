"""docker-compose.yml and the Dockerfile: well-formed, without secrets, and naming only what exists."""

import json
import re
import socketserver
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from ruamel.yaml import YAML
from uvicorn.middleware.proxy_headers import _TrustedHosts

from digest.cli.app import application
from digest.errors import StopRun
from digest.settings import Settings
from digest.store.database import Database
from tests.conftest import ROOT

COMPOSE = ROOT / "docker-compose.yml"
OURS = ("init", "web", "worker", "beat")


def services() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(COMPOSE)["services"]
    return found


def test_the_compose_file_is_valid() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_services_are_defined() -> None:
    assert set(services()) == {"postgres", "redis", "mailpit", "proxy", *OURS}


def test_every_command_exists() -> None:
    known = {one.name or one.callback.__name__ for one in application.registered_commands if one.callback}
    assert {services()[name]["command"][0] for name in OURS} <= known


def test_every_setting_exists() -> None:
    known = {f"DIGEST_{name.upper()}" for name in Settings.model_fields}
    assert {one for one in services()["worker"]["environment"] if one.startswith("DIGEST_")} <= known


def test_secrets_are_not_in_the_file() -> None:
    secret = re.compile(r"(?im)^\s*\w*(password|secret_key)\w*:\s*(?!\$\{)\S")
    assert not secret.search(COMPOSE.read_text())


def test_every_long_running_service_has_a_health_check() -> None:
    found = services()
    assert all("healthcheck" in found[name] for name in found if name != "init")
    assert all(found[name]["restart"] == "unless-stopped" for name in found if name != "init")


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_our_services_wait_for_dependencies_and_have_few_rights(name: str) -> None:
    part = services()[name]
    assert set(part["depends_on"]) == {"init", "postgres", "redis"}
    assert part["read_only"]
    assert part["cap_drop"] == ["ALL"]


def test_the_image_runs_as_an_unprivileged_user() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    user = next(index for index, line in enumerate(lines) if line.startswith("USER "))
    assert lines[user] != "USER root"
    assert user < next(index for index, line in enumerate(lines) if line.startswith("ENTRYPOINT"))


IN_COMPOSE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<default>[^}]*))?\}")


def environment_of(service: dict[str, Any], dotenv: dict[str, str]) -> dict[str, str]:
    """Return the environment of a container: the lines of .env, then `environment` with variables from .env."""

    def value(match: re.Match[str]) -> str:
        return dotenv.get(match["name"], "") or (match["default"] if match["kind"] == "-" else "")

    files = [one["path"] for one in service.get("env_file", [])]
    lines = dict(dotenv) if ".env" in files else {}
    return lines | {name: IN_COMPOSE.sub(value, str(said)) for name, said in service["environment"].items()}


@pytest.mark.parametrize("name", OURS)
def test_every_line_of_the_env_file_reaches_our_services(name: str) -> None:
    settings = [f"DIGEST_{one.upper()}" for one in Settings.model_fields]
    dotenv = {one: f"told-{number}" for number, one in enumerate([*settings, "FORWARDED_ALLOW_IPS"])}
    seen = environment_of(services()[name], dotenv)
    assert {one: seen.get(one) for one in dotenv} == dotenv


def test_unset_settings_have_the_defaults_of_the_product() -> None:
    """An empty variable counts as not set; only the services' addresses differ from the defaults."""
    seen = environment_of(services()["worker"], {"POSTGRES_PASSWORD": "x", "DIGEST_SECRET_KEY": "y"})
    assert {one for one in seen if one.startswith("DIGEST_")} == {
        "DIGEST_DATABASE_URL",
        "DIGEST_BROKER_URL",
        "DIGEST_MAIL_URL",
        "DIGEST_SECRET_KEY",
        "DIGEST_METRICS_ADDRESS",
    }
    # Metrics are served without a token, so no port of the machine leads to them.
    assert "ports" not in services()["worker"]
    assert "ports" not in services()["beat"]


@pytest.mark.parametrize("password", ["secret", "p@ss/w:rd?#%41 ü"])
def test_any_database_password_works(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = environment_of(services()["worker"], {"POSTGRES_PASSWORD": password, "DIGEST_SECRET_KEY": "y"})
    with password_server() as (port, said):
        url = seen["DIGEST_DATABASE_URL"].replace("@postgres/", f"@127.0.0.1:{port}/")
        monkeypatch.setenv("PGPASSWORD", seen["PGPASSWORD"])
        database = Database(url + "?sslmode=disable&gssencmode=disable")
        with pytest.raises(StopRun), database.read():
            pass
        database.close()
    assert said == [password]


@contextmanager
def password_server() -> Iterator[tuple[int, list[str]]]:
    """Start a server that speaks PostgreSQL's protocol up to the password, records it and refuses the login."""
    said: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (length,) = struct.unpack("!I", self.rfile.read(4))
            self.rfile.read(length - 4)
            self.wfile.write(b"R" + struct.pack("!II", 8, 3))
            self.rfile.read(1)
            (length,) = struct.unpack("!I", self.rfile.read(4))
            said.append(self.rfile.read(length - 4).rstrip(b"\0").decode())
            error = b"SFATAL\0C28P01\0Mno\0\0"
            self.wfile.write(b"E" + struct.pack("!I", len(error) + 4) + error)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server.server_address[1], said
        server.shutdown()
        thread.join()


def test_the_pages_are_published_on_this_machine_only_by_default() -> None:
    (port,) = services()["web"]["ports"]
    assert port.startswith("${WEB_ADDRESS:-127.0.0.1}:")


def test_the_image_serves_all_interfaces_by_default() -> None:
    (line,) = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("CMD ")]
    assert json.loads(line.removeprefix("CMD ")) == ["up", "--host", "0.0.0.0"]


def test_the_tls_profile_is_trusted_as_a_proxy() -> None:
    proxy = services()["proxy"]
    assert proxy["profiles"] == ["tls"]
    assert proxy["command"][-2:] == ["--to", "web:8000"]
    whole = YAML(typ="safe").load(COMPOSE)
    (network,) = whole["networks"]["default"]["ipam"]["config"]
    assert services()["web"]["environment"]["FORWARDED_ALLOW_IPS"].endswith(f":-{network['subnet']}}}")
    # uvicorn trusts X-Forwarded-For from the proxy only.
    trusted = _TrustedHosts(network["subnet"])
    assert "172.31.254.7" in trusted
    assert "203.0.113.7" not in trusted


def test_every_service_has_limits() -> None:
    for name, service in services().items():
        assert "mem_limit" in service, name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
