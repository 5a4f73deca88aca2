"""One page that shows a mail as subscribers may see it: on a phone, on a desktop, in dark colours, and as text.

The page needs no network and no script; each view is a frame with the mail itself. A frame cannot be told to prefer dark
colours, so there the mail's own dark rules apply without the condition around them.
"""

from html import escape

from digest.mail.message import Message

_DARK_RULES = "@media (prefers-color-scheme:dark)"
_PHONE, _DESKTOP = 390, 700
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{subject}</title>
<style>
body {{ margin: 0; padding: 16px; background: #d9d7d1; color: #24262b; font: 14px/20px system-ui, sans-serif; }}
h1 {{ margin: 0; font-size: 18px; line-height: 26px; }}
p {{ margin: 0 0 12px; }}
.views {{ display: flex; gap: 16px; align-items: flex-start; }}
figure {{ margin: 0; }}
figcaption {{ font-weight: 600; padding: 4px 0; }}
iframe, pre {{ display: block; margin: 0; border: 0; background: #fff; height: calc(100vh - 120px); min-height: 600px; }}
pre {{ box-sizing: border-box; width: 700px; padding: 16px; overflow: auto; font: 13px/18px ui-monospace, monospace; }}
</style></head><body>
<h1>{subject}</h1>
<p>To {recipient}</p>
<div class="views">{views}</div>
</body></html>
"""


def side_by_side(mail: Message) -> str:
    """Return the page of a mail, as HTML. A mail without an HTML part has one view."""
    views = []
    if mail.html:
        views = [
            _frame("Phone", _PHONE, _without_rules(mail.html)),
            _frame("Desktop", _DESKTOP, _without_rules(mail.html)),
            _frame("Phone, dark", _PHONE, mail.html.replace(_DARK_RULES, "@media all")),
        ]
    views.append(f"<figure><figcaption>Text</figcaption><pre>{escape(mail.text)}</pre></figure>")
    return _PAGE.format(
        subject=escape(mail.subject), recipient=escape(mail.recipient), views="\n".join(views)
    )


def _without_rules(html: str) -> str:
    """Return the mail without its dark rules, so that it is light in a browser that prefers dark colours, too."""
    return html.replace(_DARK_RULES, "@media not all")


def _frame(caption: str, width: int, html: str) -> str:
    return (
        f'<figure><figcaption>{caption}</figcaption><iframe title="{caption}" width="{width}" sandbox '
        f'srcdoc="{escape(html)}"></iframe></figure>'
    )
