"""The templates and files of the pages are in the package."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from digest.wiring import templates_folder

ROOT = Path(__file__).parents[2]


def test_the_package_takes_all_templates_along() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build["force-include"]["templates"] == "digest/templates"
    assert "digest" in build["packages"]


@pytest.mark.parametrize(
    "name", ["web/home.html", "web/base.html", "static/site.css", "static/site.js", "email/digest/body.mjml"]
)
def test_templates_and_files_are_found(name: str) -> None:
    assert (templates_folder() / name).is_file()


def test_an_unpacked_package_serves_its_pages(tmp_path: Path) -> None:
    """As in a wheel: the templates are inside the package, without a checkout."""
    context = tmp_path / "package"
    context.mkdir()
    for source in (ROOT / "digest").rglob("*"):
        if source.is_file() and "__pycache__" not in source.parts:
            target = context / "digest" / source.relative_to(ROOT / "digest")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    for source in (ROOT / "templates").rglob("*"):
        if source.is_file():
            target = context / "digest" / "templates" / source.relative_to(ROOT / "templates")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    probe = (
        "import digest.wiring as w; from digest.web.app import application; app = application(); "
        "print(w.templates_folder()); print(app.state.context.page('about.html', trending=__import__("
        "'digest.ranking.trending', fromlist=['x'])).status_code)"
    )
    told = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=tmp_path,
        env={"PYTHONPATH": str(context)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert told == [str(context / "digest" / "templates"), "200"]
