from pathlib import Path

import pytest

from digest.doctor.folder import Folder, examine_transport, judge_folder
from digest.mail.transports import transport_from

# Folders


@pytest.mark.parametrize("kind", ["maildir", "file"])
def test_a_writable_folder_is_good_and_not_changed(kind: str, tmp_path: Path) -> None:
    missing_yet = tmp_path / "deep" / "outbox"
    check = examine_transport(transport_from(f"{kind}:{missing_yet}"))
    assert (check.state, "will be created" in check.finding) == ("good", True)
    assert not missing_yet.parent.exists()
    missing_yet.mkdir(parents=True)
    assert examine_transport(transport_from(f"{kind}:{missing_yet}")).state == "good"
    assert list(missing_yet.iterdir()) == []


def test_an_unwritable_folder_is_bad(tmp_path: Path) -> None:
    (tmp_path / "outbox").touch()
    check = examine_transport(transport_from(f"file:{tmp_path / 'outbox' / 'deeper'}"))
    assert check.state == "bad"
    assert "DIGEST_MAIL_URL" in check.advice


def test_a_nearly_full_disk_is_reported() -> None:
    assert (
        judge_folder(Folder(Path("outbox"), is_there=True, refusal="", free_bytes=5 * 2**20)).state
        == "warning"
    )


@pytest.mark.parametrize("url", ["console:", "memory:"])
def test_a_transport_without_delivery_is_a_warning(url: str) -> None:
    assert examine_transport(transport_from(url)).state == "warning"
