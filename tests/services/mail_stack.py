"""A real mail server of its own: Postfix hands mail to Dovecot, and what comes back to us, as in `docs/operating.md`.

Needs root, as Postfix and Dovecot change to users of their own. All files are in one folder.
"""

import os
import pwd
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.services.installation import free_port

SENDER_DOMAIN = "papers.test"
"""Its mail goes to the listener of `digest inbound watch`."""
MAILBOX_DOMAIN = "boxes.test"
"""Its mailboxes are in Dovecot."""
AWAY_DOMAIN = "away.test"
"""Its mail server does not answer."""
USERS = ("ada", "ana", "bo", "chi", "full")

_MASTER = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = mail.papers.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtp_host_lookup = native
relay_domains = {sender}, {boxes}, {away}
transport_maps = inline:{{ {{{sender} = lmtp:inet:127.0.0.1:{listener}}}, {{{boxes} = lmtp:inet:127.0.0.1:{dovecot}}}, {{{away} = smtp:[127.0.0.1]:{closed}}} }}
relay_recipient_maps =
recipient_delimiter =
alias_maps =
local_recipient_maps =
# A person keeps the five days of the default; here a mail is tried once.
maximal_queue_lifetime = 0
lmtp_destination_recipient_limit = 1
smtpd_recipient_restrictions = permit_mynetworks, reject
"""
_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
ssl = no
protocols = lmtp imap
listen = 127.0.0.1
first_valid_uid = 1
first_valid_gid = 1
disable_plaintext_auth = no
auth_username_format = %n
mail_location = maildir:{folder}/boxes/%n
mail_plugins = quota
passdb {{
  driver = static
  args = password=hunter2
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
protocol lmtp {{
  mail_plugins = quota
}}
plugin {{
  quota = maildir:User quota
}}
"""


class MailStack:
    """Postfix and Dovecot, running. `stop` ends them and removes their files."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mail-stack-"))
        self.folder.chmod(0o755)
        self.smtp_port, self.lmtp_port, self.imap_port, self.listener_port = (free_port() for _ in range(4))
        self._dovecot: subprocess.Popen[bytes] | None = None
        self._postfix = self.folder / "postfix"
        self._start_dovecot()
        self._start_postfix()

    def _start_dovecot(self) -> None:
        nobody = pwd.getpwnam("nobody")
        boxes = self.folder / "boxes"
        boxes.mkdir()
        os.chown(boxes, nobody.pw_uid, nobody.pw_gid)
        rules = {"full": "userdb_quota_rule=*:bytes=1"}
        lines = [
            f"{user}::{nobody.pw_uid}:{nobody.pw_gid}::{boxes}/{user}::{rules.get(user, '')}"
            for user in USERS
        ]
        (self.folder / "users").write_text("\n".join(lines) + "\n")
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(
            _DOVECOT.format(folder=self.folder, lmtp=self.lmtp_port, imap=self.imap_port)
        )
        self._dovecot = subprocess.Popen(["dovecot", "-F", "-c", str(configuration)])
        _wait_for_port(self.lmtp_port)

    def _start_postfix(self) -> None:
        for name in ("postfix", "queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        closed = free_port()
        (self._postfix / "master.cf").write_text(_MASTER.format(port=f"127.0.0.1:{self.smtp_port}"))
        (self._postfix / "main.cf").write_text(
            _MAIN.format(
                folder=self.folder,
                sender=SENDER_DOMAIN,
                boxes=MAILBOX_DOMAIN,
                away=AWAY_DOMAIN,
                listener=self.listener_port,
                dovecot=self.lmtp_port,
                closed=closed,
            )
        )
        self._run("start")
        _wait_for_port(self.smtp_port)

    def _run(self, command: str) -> None:
        done = subprocess.run(
            ["postfix", "-c", str(self._postfix), command], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr + self.log

    @property
    def log(self) -> str:
        """What both servers have logged."""
        files = [self.folder / "postfix.log", self.folder / "dovecot.log"]
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    def mails_of(self, user: str) -> list[bytes]:
        """Return the mails in a mailbox."""
        return [path.read_bytes() for path in sorted((self.folder / "boxes" / user).glob("new/*"))]

    def send(self, sender: str, recipient: str, content: bytes) -> None:
        """Hand a mail to Postfix as another mail server does."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as session:
            session.sendmail(sender, [recipient], content)

    def stop(self) -> None:
        """End both servers."""
        subprocess.run(["postfix", "-c", str(self._postfix), "stop"], capture_output=True, check=False)
        if self._dovecot:
            self._dovecot.terminate()
            self._dovecot.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def _wait_for_port(port: int) -> None:
    give_up_at = time.monotonic() + 15
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < give_up_at, f"nothing listens at port {port}"
            time.sleep(0.05)
        else:
            return
