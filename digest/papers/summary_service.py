"""A language model that writes the sentence of a paper: any service with OpenAI's chat interface.

One request for a paper, with a time limit, never repeated by this module. What it answers is text from outside: it is put
on one line and shortened, and an answer that cannot be a sentence is refused.
"""

from datetime import timedelta
from typing import Any

import httpx

from digest.errors import StopRun, TryLater
from digest.text.formatting import one_line, shorten
from digest.text.sentences import sentences

LONGEST = 300
"""Characters of a stored summary."""
_SHORTEST = 20
_MOST_TOKENS = 120
_LARGEST_ANSWER = 200_000
_INSTRUCTION = (
    "Summarise the paper in one plain English sentence of at most 25 words that says what it does and finds. "
    "Answer with the sentence alone, without quotes, without the title, without 'this paper'."
)


class SummaryService:
    """The service at an address such as `https://api.example.org/v1`. Thread-safe; close it after use."""

    def __init__(self, url: str, model: str, key: str, timeout: timedelta) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(timeout.total_seconds(), connect=5.0),
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def summary(self, title: str, abstract: str) -> str:
        """Return one sentence about a paper.

        Raises TryLater when the service is slow, busy or says nothing usable, StopRun when it refuses the key or the
        request.
        """
        question = {
            "model": self._model,
            "temperature": 0,
            "max_tokens": _MOST_TOKENS,
            "messages": [
                {"role": "system", "content": _INSTRUCTION},
                {"role": "user", "content": f"{one_line(title)}\n\n{one_line(abstract)}"},
            ],
        }
        try:
            answer = self._client.post(self._url, json=question)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TryLater(f"The summary service does not answer ({type(error).__name__}).") from None
        if answer.status_code in {400, 401, 403, 404}:
            raise StopRun(
                f"The summary service refuses the request ({answer.status_code}); see DIGEST_SUMMARY_URL, "
                "DIGEST_SUMMARY_MODEL and DIGEST_SUMMARY_KEY."
            )
        if answer.status_code != 200 or len(answer.content) > _LARGEST_ANSWER:
            raise TryLater(f"The summary service answers with {answer.status_code}.")
        return _sentence(answer)


def _sentence(answer: httpx.Response) -> str:
    try:
        content: Any = answer.json()["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        content = None
    text = one_line(content[:5000]).strip("\"'\u201c\u201d ") if isinstance(content, str) else ""
    first = next(iter(sentences(text)), "")
    if len(first) < _SHORTEST:
        raise TryLater("The summary service answers without a sentence.")
    return shorten(first, LONGEST)
