"""docker-compose.yml and the Dockerfile: well-formed, without secrets, and naming only what exists."""

import re
import subprocess
import sys
from typing import Any

import pytest
from ruamel.yaml import YAML

from digest.cli.app import application
from digest.settings import Settings
from tests.conftest import ROOT

COMPOSE = ROOT / "docker-compose.yml"
OURS = ("init", "web", "worker", "beat")


def services() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(COMPOSE)["services"]
    return found


def test_the_compose_file_follows_its_schema() -> None:
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


def test_all_parts_are_there() -> None:
    assert set(services()) == {"postgres", "redis", "mailpit", *OURS}


def test_every_command_is_one_of_ours() -> None:
    known = {one.name or one.callback.__name__ for one in application.registered_commands if one.callback}
    assert {services()[name]["command"][0] for name in OURS} <= known


def test_every_setting_is_one_of_ours() -> None:
    known = {f"DIGEST_{name.upper()}" for name in Settings.model_fields}
    assert set(services()["worker"]["environment"]) <= known


def test_secrets_come_from_outside() -> None:
    secret = re.compile(r"(?im)^\s*\w*(password|secret_key)\w*:\s*(?!\$\{)\S")
    assert not secret.search(COMPOSE.read_text())


def test_whatever_runs_for_long_is_watched() -> None:
    found = services()
    assert all("healthcheck" in found[name] for name in ("postgres", "redis", "web", "worker", "mailpit"))
    assert all(found[name]["restart"] == "unless-stopped" for name in found if name != "init")


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_our_parts_wait_for_what_they_need_and_may_do_little(name: str) -> None:
    part = services()[name]
    assert set(part["depends_on"]) == {"init", "postgres", "redis"}
    assert part["read_only"]
    assert part["cap_drop"] == ["ALL"]


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    user = next(place for place, line in enumerate(lines) if line.startswith("USER "))
    assert lines[user] != "USER root"
    assert user < next(place for place, line in enumerate(lines) if line.startswith("ENTRYPOINT"))
