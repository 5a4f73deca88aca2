"""A client of the real application in this process, without a browser."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from fastapi import FastAPI

from digest.web.form_tokens import LEAST
from tests.factories import BASE_URL

_THREAD = ThreadPoolExecutor(1)


class Client:
    """Sends requests, each without cookies or other state."""

    def __init__(self, app: FastAPI, host: str = "192.0.2.1", *, works: bool = True) -> None:
        """With `works`, each POST is followed by the work of the background thread."""
        self.app = app
        self._works = works
        self.host = host

    def request(self, method: str, path: str, **request: Any) -> httpx.Response:
        # In another thread, because the browser of other tests leaves an event loop running in this one.
        answer = _THREAD.submit(asyncio.run, self._ask(method, path, request)).result()
        if method == "POST" and self._works:
            self.app.state.context.request_worker.work()
        return answer

    def get(self, path: str, **request: Any) -> httpx.Response:
        return self.request("GET", path, **request)

    def request_mail(self, address: str, path: str = "/subscribe", **fields: str) -> httpx.Response:
        """Fill in a form as a person does: the clock advances before it is sent."""
        form_token = form_token_of(self.get(path).text)
        self.app.state.context.container.clock.advance(seconds=LEAST.total_seconds())
        return self.post(path, data={"email": address, "form_token": form_token, **fields})

    def head(self, path: str) -> httpx.Response:
        return self.request("HEAD", path)

    def post(self, path: str, **request: Any) -> httpx.Response:
        return self.request("POST", path, **request)

    async def _ask(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True, client=(self.host, 12345))
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
            return await client.request(method, path, **request)


def form_token_of(page: str) -> str:
    """Return the form token on a page."""
    (form_token,) = re.findall(r'<input type="hidden" name="form_token" value="([^"]*)">', page)
    return str(form_token)
