"""Imports point down the table of layers, and there are no import cycles."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# From the top. A module belongs to the first layer that names it or a package around it, and may import
# from its own layer and those below.
LAYERS: dict[str, tuple[str, ...]] = {
    "door": ("digest.cli", "digest.web", "workers"),
    "jobs and wiring": (
        "digest.wiring",
        "digest.jobs",
        "digest.doctor",
        "digest.status",
        "digest.bench",
        "digest.demo",
    ),
    "use case": (
        "digest.papers.citations",
        "digest.papers.ingest",
        "digest.papers.works",
        "digest.papers.summarize",
        "digest.papers.fetch",
        "digest.papers.search",
        "digest.subscribers.arrivals",
        "digest.subscribers.signup",
        "digest.subscribers.teams",
        "digest.subscribers.channels",
        "digest.subscribers.consent",
        "digest.subscribers.feedback",
        "digest.subscribers.followed_authors",
        "digest.subscribers.library",
        "digest.subscribers.profile_terms",
        "digest.subscribers.mail_requests",
        "digest.subscribers.pending_feedback",
        "digest.subscribers.preferences",
        "digest.subscribers.profiles",
        "digest.subscribers.privacy",
        "digest.subscribers.suppression_file",
        "digest.subscribers.suppressions",
        "digest.subscribers.import_export",
        "digest.delivery.liked_papers",
        "digest.delivery.second_opinion",
        "digest.delivery.select_papers",
        "digest.delivery.circuit_breaker",
        "digest.delivery.build_envelope",
        "digest.delivery.deliver",
        "digest.delivery.context",
        "digest.delivery.send",
        "digest.delivery.metered_connection",
        "digest.delivery.send_queue",
        "digest.delivery.settle",
        "digest.delivery.group_commit",
        "digest.delivery.candidates",
        "digest.delivery.inbound",
        "digest.delivery.soft_bounces",
        "digest.delivery.plan",
        "digest.delivery.preview",
        "digest.delivery.sample_mail",
        "digest.delivery.compose",
    ),
    "edge": (
        "digest.chat.transport",
        "digest.clock",
        "digest.embedding",
        "digest.error_reports",
        "digest.logs",
        "digest.metrics",
        "digest.metrics_export",
        "digest.private_files",
        "digest.settings",
        "digest.setting_types",
        "digest.store",
        "digest.papers.sources",
        "digest.subscribers.library_files",
        "digest.papers.summary_service",
        "digest.delivery.limits",
        "digest.mail.dkim_keys",
        "digest.mail.inbound_listener",
        "digest.mail.inbound_sources",
        "digest.mail.sns",
        "digest.mail.transports",
        "digest.mail.file_transports",
        "digest.mail.smtp",
        "digest.mail.smtp_answers",
        "digest.mail.smtp_session",
    ),
    "core": ("digest",),
}
ORDER = list(LAYERS)
OUTSIDE = {
    "sqlalchemy": ("digest.store", "digest.bench"),
    "alembic": ("digest.store",),
    "httpx": (
        "digest.papers.sources",
        "digest.papers.summary_service",
        "digest.status.channels",
        "digest.doctor.one_click",
    ),
    "smtplib": ("digest.mail", "digest.doctor"),
    "cryptography": ("digest.mail",),
    "flufl": ("digest.mail",),
    "aiosmtpd": ("digest.mail",),
    "imaplib": ("digest.mail",),
    "celery": ("workers",),
    "fastapi": ("digest.web",),
    "starlette": ("digest.web",),
    "uvicorn": ("digest.cli", "digest.web.timeouts"),
    "typer": ("digest.cli",),
    "rich": ("digest.cli",),
    "onnxruntime": ("digest.embedding",),
    "prometheus_client": ("digest.metrics", "digest.metrics_export", "digest.status.gauges", "digest.web"),
    "sentry_sdk": ("digest.error_reports",),
    "tokenizers": ("digest.embedding",),
    "sklearn": ("digest.ranking", "digest.evaluation"),
    "bibtexparser": ("digest.subscribers.library_files",),
    "rispy": ("digest.subscribers.library_files",),
    "apprise": ("digest.chat.transport",),
    "babel": ("digest.text",),
    "jinja2": (
        "digest.chat.rendering",
        "digest.mail",
        "digest.web",
        "digest.status.page",
        "digest.text.languages",
    ),
    "pydantic_settings": ("digest.setting_types", "digest.settings"),
}


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("digest", "workers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            container = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(container[:-1] if container[-1] == "__init__" else container), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def layer(module: str) -> int:
    return next(
        position
        for position, name in enumerate(ORDER)
        if any(is_within(module, package) for package in LAYERS[name])
    )


MODULES = dict(modules())


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    upward = {
        other for other in imports(MODULES[module]) if other in MODULES and layer(other) < layer(module)
    }
    assert not upward, f"{module} ({ORDER[layer(module)]}) imports from above: {sorted(upward)}"


@pytest.mark.parametrize("module", MODULES)
def test_libraries_are_used_only_where_allowed(module: str) -> None:
    for other in imports(MODULES[module]):
        homes = OUTSIDE.get(other.partition(".")[0])
        assert homes is None or any(is_within(module, home) for home in homes), f"{module} imports {other}"


def test_nothing_in_the_product_imports_the_workers() -> None:
    assert not [
        module
        for module, path in MODULES.items()
        if module.startswith("digest") and any(is_within(other, "workers") for other in imports(path))
    ]


def test_doors_do_not_import_each_other() -> None:
    doors = LAYERS["door"]
    for module, path in MODULES.items():
        own = [door for door in doors if is_within(module, door)]
        if own:
            others = [door for door in doors if door not in own]
            assert not [other for other in imports(path) if any(is_within(other, door) for door in others)]


def package(module: str) -> str:
    """Return the package of a module; a top-level module counts as a package."""
    return ".".join(module.split(".")[: 1 if is_within(module, "workers") else 2])


def imports_between_packages() -> dict[str, set[str]]:
    """Return the packages that each package imports."""
    found: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        others = {package(other) for other in imports(path) if other in MODULES and other != "digest"}
        found.setdefault(package(module), set()).update(others - {package(module)})
    return found


def test_packages_have_no_import_cycle() -> None:
    TopologicalSorter(imports_between_packages()).prepare()


def test_an_import_cycle_is_found() -> None:
    found = imports_between_packages()
    found["digest.domain"].add("digest.store")
    with pytest.raises(CycleError):
        TopologicalSorter(found).prepare()


def test_modules_have_no_import_cycle() -> None:
    graph = {
        module: {
            other for other in imports(path) if other in MODULES and MODULES[other].name != "__init__.py"
        }
        - {module}
        for module, path in MODULES.items()
    }
    TopologicalSorter(graph).prepare()


def test_only_doors_read_the_clock() -> None:
    clock_modules = [
        module
        for module, path in MODULES.items()
        if "digest.clock" in set(imports(path)) and ORDER[layer(module)] != "door"
    ]
    assert not clock_modules
