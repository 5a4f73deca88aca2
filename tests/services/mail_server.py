"""A mail server in a process of its own, as good or as evil as asked; it notes each mail it takes in a file.

    python -m tests.services.mail_server PORT NOTES [EVIL]

EVIL is the share of mails that meet a trouble. A line of NOTES is `recipient<TAB>Message-ID<TAB>how`, written
before the answer goes out; how is `told`, or `untold` when the answer is never given.
"""

import asyncio
import re
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

STALL_SECONDS = 60
TROUBLES = ("421", "450", "451", "550", "552", "drop", "midway", "untold", "stall")
WEIGHTS = (10, 20, 20, 5, 10, 10, 10, 5, 0.02)
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.MULTILINE | re.IGNORECASE)


class Server:
    def __init__(self, notes: Path, evil: float) -> None:
        self.notes = notes.open("ab", buffering=0)
        self.evil = evil
        self.rng = Random(5)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(b"220 test ESMTP\r\n")
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient, trouble = "", ""
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"EHLO":
                writer.write(b"250-test\r\n250 PIPELINING\r\n")
            elif word == b"RCPT":
                recipient = line.decode().partition("<")[2].partition(">")[0]
                trouble = self._trouble()
                if trouble == "stall":
                    await asyncio.sleep(STALL_SECONDS)
                elif trouble == "drop":
                    return
                elif trouble == "421":
                    writer.write(b"421 4.3.2 closing\r\n")
                    return
                answers = {"450": b"450 4.2.0 later\r\n", "550": b"550 5.1.1 nobody here\r\n"}
                writer.write(answers.get(trouble, b"250 OK\r\n"))
                recipient = "" if trouble in answers else recipient
            elif word == b"DATA" and not recipient:
                writer.write(b"554 5.5.1 no recipient\r\n")
            elif word == b"DATA":
                writer.write(b"354 go on\r\n")
                if trouble == "midway":
                    await reader.readline()
                    return
                content = await reader.readuntil(b"\r\n.\r\n")
                if trouble in {"451", "552"}:
                    writer.write(f"{trouble} {trouble[0]}.3.0 not now\r\n".encode())
                else:
                    self._note(recipient, content, "untold" if trouble == "untold" else "told")
                    if trouble == "untold":
                        return
                    writer.write(b"250 2.0.0 taken\r\n")
                recipient = ""
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 OK\r\n")
            await writer.drain()

    def _trouble(self) -> str:
        return self.rng.choices(TROUBLES, WEIGHTS)[0] if self.rng.random() < self.evil else ""

    def _note(self, recipient: str, content: bytes, how: str) -> None:
        found = _MESSAGE_ID.search(content)
        name = found[1].decode() if found else ""
        self.notes.write(f"{recipient}\t{name}\t{how}\n".encode())


async def main(port: int, notes: Path, evil: float) -> None:
    mind = Server(notes, evil)
    server = await asyncio.start_server(mind.serve, "127.0.0.1", port, limit=2**22)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0))
