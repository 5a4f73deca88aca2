"""The operator's page: what `digest status` says, at a secret link. Off unless DIGEST_OPERATOR_PAGE is set."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from digest.errors import NotFound
from digest.status.gather import gather
from digest.status.judge import judge
from digest.status.operator_link import check_token
from digest.status.page import page, style_source
from digest.web.context import Context
from digest.wiring import templates_folder

router = APIRouter(include_in_schema=False)


@router.get("/operator/{token}")
def operator_page(token: str, context: Context) -> Response:
    """Return the page. Raises NotFound where it is off, and BadLink for a token that is not valid today."""
    container = context.container
    if not container.settings.operator_page:
        raise NotFound("This page does not exist; look at what is trending, or search.")
    check_token(container.secret, token, container.clock().date())
    facts = gather(container)
    html = page(facts, judge(facts), templates_folder(), container.settings.base_url)
    policy = f"default-src 'none'; style-src {style_source(html)}; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(
        html,
        headers={
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "X-Robots-Tag": "noindex",
        },
    )
