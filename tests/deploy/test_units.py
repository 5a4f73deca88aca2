"""The units of systemd: valid, and their commands are commands of the product."""

import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from digest.settings import Settings
from tests.conftest import ROOT, missing
from tests.test_docs import parse

FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))


def options(unit: Path) -> ConfigParser:
    found = ConfigParser(interpolation=None, strict=True)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(unit.read_text(encoding="utf-8"))
    return found


def test_there_is_a_unit_for_each_process() -> None:
    names = {unit.name for unit in UNITS}
    assert names == {"digest.service", "digest-web.service", "digest-worker@.service", "digest-beat.service"}


@pytest.mark.services
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze")
    for unit in UNITS:
        # The command need not be installed here.
        text = unit.read_text(encoding="utf-8").replace("/opt/digest/bin/digest", sys.executable)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.glob("*.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "digest" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_command_of_a_unit_parses(unit: Path) -> None:
    program, *words = shlex.split(options(unit)["Service"]["ExecStart"])
    assert program == "/opt/digest/bin/digest"
    parse(words)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_confined_and_starts_again(unit: Path) -> None:
    service = options(unit)["Service"]
    assert service["User"] == "digest"
    assert service["ProtectSystem"] == "strict"
    assert service["StateDirectory"] == "digest"
    assert service["WorkingDirectory"] == "/var/lib/digest"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["Restart"] == "on-failure"
    assert options(unit)["Unit"]["StartLimitIntervalSec"] == "0"
    # Mails in flight are finished within ten seconds.
    assert int(service["TimeoutStopSec"]) >= 15


def test_all_units_differ_in_their_command_alone() -> None:
    texts = set()
    for unit in UNITS:
        service = dict(options(unit)["Service"])
        del service["ExecStart"]
        texts.add(tuple(sorted(service.items())))
    assert len(texts) == 1


def test_the_settings_file_has_settings_only() -> None:
    lines = (FOLDER / "digest.env").read_text(encoding="utf-8").splitlines()
    names = re.findall(r"^#?(DIGEST_\w+)=", "\n".join(lines), re.MULTILINE)
    assert names
    assert {name.removeprefix("DIGEST_").lower() for name in names} <= set(Settings.model_fields)


def test_the_administrators_command_has_the_place_of_the_service() -> None:
    text = (FOLDER / "digest-command").read_text(encoding="utf-8")
    service = options(FOLDER / "digest.service")["Service"]
    subprocess.run(["sh", "-n", FOLDER / "digest-command"], check=True)
    assert f"--uid={service['User']}" in text
    for name in ("EnvironmentFile", "StateDirectory", "StateDirectoryMode", "WorkingDirectory", "UMask"):
        assert f"--property={name}={service[name]}" in text
    assert '/opt/digest/bin/digest "$@"' in text
