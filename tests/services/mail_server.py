"""A mail server in its own process, with a given rate of faults; it records each accepted mail in a file.

    python -m tests.services.mail_server PORT FILE [FAULT_RATE]

FAULT_RATE is the share of mails with a fault. A line of FILE is `recipient<TAB>Message-ID<TAB>how`, written before the
answer is sent; how is `answered`, or `unanswered` if no answer is sent.
"""

import asyncio
import re
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

STALL_SECONDS = 60
FAULTS = ("421", "450", "451", "550", "552", "drop", "midway", "unanswered", "stall")
WEIGHTS = (10, 20, 20, 5, 10, 10, 10, 5, 0.02)
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.MULTILINE | re.IGNORECASE)


class Server:
    def __init__(self, notes: Path, fault_rate: float) -> None:
        self.notes = notes.open("ab", buffering=0)
        self.fault_rate = fault_rate
        self.rng = Random(5)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(b"220 test ESMTP\r\n")
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient, fault = "", ""
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"EHLO":
                writer.write(b"250-test\r\n250 PIPELINING\r\n")
            elif word == b"RCPT":
                recipient = line.decode().partition("<")[2].partition(">")[0]
                fault = self._choose_fault()
                if fault == "stall":
                    await asyncio.sleep(STALL_SECONDS)
                elif fault == "drop":
                    return
                elif fault == "421":
                    writer.write(b"421 4.3.2 closing\r\n")
                    return
                answers = {"450": b"450 4.2.0 later\r\n", "550": b"550 5.1.1 nobody here\r\n"}
                writer.write(answers.get(fault, b"250 OK\r\n"))
                recipient = "" if fault in answers else recipient
            elif word == b"DATA" and not recipient:
                writer.write(b"554 5.5.1 no recipient\r\n")
            elif word == b"DATA":
                writer.write(b"354 go on\r\n")
                if fault == "midway":
                    await reader.readline()
                    return
                content = await reader.readuntil(b"\r\n.\r\n")
                if fault in {"451", "552"}:
                    writer.write(f"{fault} {fault[0]}.3.0 not now\r\n".encode())
                else:
                    self._record(recipient, content, "unanswered" if fault == "unanswered" else "answered")
                    if fault == "unanswered":
                        return
                    writer.write(b"250 2.0.0 accepted\r\n")
                recipient = ""
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 OK\r\n")
            await writer.drain()

    def _choose_fault(self) -> str:
        return self.rng.choices(FAULTS, WEIGHTS)[0] if self.rng.random() < self.fault_rate else ""

    def _record(self, recipient: str, content: bytes, how: str) -> None:
        found = _MESSAGE_ID.search(content)
        name = found[1].decode() if found else ""
        self.notes.write(f"{recipient}\t{name}\t{how}\n".encode())


async def main(port: int, notes: Path, fault_rate: float) -> None:
    handler = Server(notes, fault_rate)
    server = await asyncio.start_server(handler.serve, "127.0.0.1", port, limit=2**22)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0))
