#!/usr/bin/env python3
"""Judges Session Manager's sessions: a client of the data channel, written from
aws/session-manager-plugin (src/message, src/datachannel), and boto3.

usage: AWS_ENDPOINT_URL=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… sessions.py INSTANCE_ID PORT BYTES

PORT is a TCP port of the machine whose server sends BYTES bytes to whoever
connects and sends a line, and then closes. Where AWS's own
session-manager-plugin is installed, `aws ssm start-session` is driven too.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import uuid

import aiohttp
import boto3
import botocore.config
import botocore.exceptions
import counting
from counting import check

PATIENCE_SECS = 20
HEADER = struct.Struct(">I32sIQqQ16s32sII")
HEADER_LENGTH = HEADER.size - 4
DATA, SIZE, HANDSHAKE, RESPONSE, COMPLETE, FLAG = 1, 3, 5, 6, 7, 10
DISCONNECT, TERMINATE = 1, 2


def swapped(identifier):
    """Java's two longs, the least significant first."""
    raw = identifier.bytes
    return raw[8:] + raw[:8]


class Channel:
    """The client's end of one data channel."""

    def __init__(self, socket):
        self.socket, self.sent, self.seen, self.output = socket, 0, -1, bytearray()
        self.flags, self.closed, self.action = [], None, None
        # So many messages are left alone, as a client does that is not ready for them.
        self.deaf = 0

    async def frame(self, kind, payload, payload_type, sequence, flags):
        head = HEADER.pack(
            HEADER_LENGTH, kind.encode().ljust(32), 1, 0, sequence, flags, swapped(uuid.uuid4()),
            hashlib.sha256(payload).digest(), payload_type, len(payload),
        )
        await self.socket.send_bytes(head + payload)

    async def send(self, payload, payload_type=DATA):
        await self.frame("input_stream_data", payload, payload_type, self.sent, int(self.sent == 0))
        self.sent += 1

    async def flag(self, flag):
        await self.send(struct.pack(">I", flag), FLAG)

    async def receive(self):
        """Takes one message; false once the channel is closed."""
        message = await asyncio.wait_for(self.socket.receive(), PATIENCE_SECS)
        if message.type != aiohttp.WSMsgType.BINARY:
            return False
        (length, kind, schema, _, sequence, _, identifier, digest, payload_type, size) = HEADER.unpack(
            message.data[: HEADER.size]
        )
        kind, payload = kind.decode().rstrip(" \0"), message.data[HEADER.size :]
        check((length, schema) == (HEADER_LENGTH, 1), "a header of version 1")
        check(len(payload) == size and hashlib.sha256(payload).digest() == digest, "the payload is whole")
        if kind == "channel_closed":
            self.closed = json.loads(payload)
            return False
        if kind == "acknowledge":
            told = json.loads(payload)
            check(told["AcknowledgedMessageSequenceNumber"] < self.sent, "only what was sent is acknowledged")
            return True
        check(kind == "output_stream_data", f"a message type of the protocol, not {kind}")
        if self.deaf:
            self.deaf -= 1
            return True
        check(sequence <= self.seen + 1, f"message {sequence} follows {self.seen}")
        # One that was acknowledged late comes again.
        new, self.seen = sequence > self.seen, max(sequence, self.seen)
        told = {
            "AcknowledgedMessageType": kind,
            "AcknowledgedMessageId": str(uuid.UUID(bytes=identifier[8:] + identifier[:8])),
            "AcknowledgedMessageSequenceNumber": sequence,
            "IsSequentialMessage": True,
        }
        # The agent may have closed already; then nobody waits for this any more.
        with contextlib.suppress(aiohttp.ClientConnectionResetError):
            await self.frame("acknowledge", json.dumps(told).encode(), 0, 0, 3)
        if not new:
            return True
        if payload_type == DATA:
            self.output += payload
        elif payload_type == FLAG:
            self.flags.append(struct.unpack(">I", payload)[0])
        elif payload_type == HANDSHAKE:
            self.action = json.loads(payload)["RequestedClientActions"][0]
            done = {"ActionType": self.action["ActionType"], "ActionStatus": 1, "ActionResult": None, "Error": ""}
            answer = {"ClientVersion": "1.2.0.0", "ProcessedClientActions": [done], "Errors": []}
            await self.send(json.dumps(answer).encode(), RESPONSE)
        return True

    async def until(self, found, what):
        while not found():
            try:
                more = await self.receive()
            except TimeoutError:
                more = False
            check(more, f"{what}: not in {PATIENCE_SECS} s, or closed: {self.closed}, {bytes(self.output[-400:])}")

    async def end(self):
        while await self.receive():
            pass


async def open_channel(client, session, token=None):
    socket = await client.ws_connect(session["StreamUrl"], max_msg_size=0)
    opening = {
        "MessageSchemaVersion": "1.0",
        "RequestId": str(uuid.uuid4()),
        "TokenValue": token or session["TokenValue"],
        "ClientId": str(uuid.uuid4()),
    }
    await socket.send_str(json.dumps(opening))
    return Channel(socket)


async def refused(client, session, token, what):
    channel = await open_channel(client, session, token)
    message = await asyncio.wait_for(channel.socket.receive(), PATIENCE_SECS)
    check(message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED), what)


async def shell(client, ssm, target):
    session = ssm.start_session(Target=target)
    await refused(client, session, "wrong", "a wrong token opens nothing")
    channel = await open_channel(client, session)
    await channel.send(json.dumps({"cols": 77, "rows": 33}).encode(), SIZE)
    await channel.send(b"echo size=$(stty size)\r")
    await channel.until(lambda: b"size=33 77" in channel.output, "the terminal has the client's size")
    await refused(client, session, None, "a token opens once")
    # Quoted, so that the echo of the typed line is not taken for its output.
    # Said by the command itself: an interrupt before it is there would get lost.
    await channel.send(b"sh -c 'echo be\"\"gun; exec sleep 1000'\r")
    await channel.until(lambda: b"begun" in channel.output, "a command runs")
    begun = len(channel.output)
    await channel.send(b"\x03")
    # What is typed before the shell is back at its prompt is lost with the interrupt.
    await channel.until(lambda: b"# " in channel.output[begun:], "the prompt is back")
    await channel.send(b"echo code=$?\r")
    await channel.until(lambda: b"code=130" in channel.output, "Ctrl-C interrupts it")
    identifier = session["SessionId"]
    active = ssm.describe_sessions(State="Active", Filters=[{"key": "Target", "value": target}])["Sessions"]
    check([s["SessionId"] for s in active] == [identifier], f"the session is listed: {active}")
    await channel.send(b"exit\r")
    await channel.end()
    check(channel.closed and channel.closed["SessionId"] == identifier, "the channel closes with its session")
    past = ssm.describe_sessions(State="History", Filters=[{"key": "SessionId", "value": identifier}])["Sessions"]
    check(past and past[0]["Status"] == "Terminated", f"and is history: {past}")


async def command(client, ssm, target):
    session = ssm.start_session(
        Target=target, DocumentName="AWS-StartInteractiveCommand", Parameters={"command": ["echo one; echo two"]}
    )
    channel = await open_channel(client, session)
    channel.deaf = 1
    await channel.end()
    check(channel.deaf == 0, "what is left alone comes again")
    check(channel.action["ActionParameters"]["SessionType"] == "InteractiveCommands", "the type of the session")
    check(bytes(channel.output).split() == [b"one", b"two"], f"output of the command: {bytes(channel.output)}")


async def terminated(client, ssm, target):
    session = ssm.start_session(Target=target)
    channel = await open_channel(client, session)
    await channel.send(b"echo re''ady\r")
    await channel.until(lambda: b"ready" in channel.output, "a shell answers")
    ssm.terminate_session(SessionId=session["SessionId"])
    await channel.end()
    check(channel.closed is not None, "TerminateSession closes the channel")


async def port(client, ssm, target, number, size):
    session = ssm.start_session(
        Target=target, DocumentName="AWS-StartPortForwardingSession", Parameters={"portNumber": [str(number)]}
    )
    channel = await open_channel(client, session)
    await channel.until(lambda: channel.action, "the handshake")
    check(channel.action["ActionParameters"]["Properties"]["portNumber"] == str(number), "the port of the session")
    for connection in (1, 2):
        await channel.send(b"go\n")
        await channel.until(lambda: len(channel.flags) == connection, "the far end closes")
        check(len(channel.output) == connection * size, f"{len(channel.output)} bytes on connection {connection}")
    check(channel.output[:size] == channel.output[size:], "the same bytes twice")
    await channel.flag(TERMINATE)
    await channel.end()


def plugin(target):
    """AWS's own client, in a terminal of its own."""
    aws = os.path.join(os.path.dirname(sys.executable), "aws")
    near, far = pty.openpty()
    process = subprocess.Popen([aws, "ssm", "start-session", "--target", target], stdin=far, stdout=far, stderr=far)
    os.close(far)
    said, typed = b"", False
    try:
        while chunk := os.read(near, 4096):
            said += chunk
            if b"# " in said and not typed:
                os.write(near, b"echo pl''ugin; exit\r")
                typed = True
    except OSError:
        pass
    check(process.wait(PATIENCE_SECS) == 0 and b"plugin" in said, f"session-manager-plugin: {said}")


async def main(target, number, size):
    config = botocore.config.Config(region_name="us-east-1", retries={"total_max_attempts": 1})
    ssm = boto3.client("ssm", config=config)
    async with aiohttp.ClientSession() as client:
        await shell(client, ssm, target)
        await command(client, ssm, target)
        await terminated(client, ssm, target)
        await port(client, ssm, target, number, size)
    try:
        ssm.start_session(Target="i-00000000000000000")
        check(False, "a session on no instance was started")
    except botocore.exceptions.ClientError as error:
        check(error.response["Error"]["Code"] == "TargetNotConnected", f"{error}")
    if shutil.which("session-manager-plugin"):
        plugin(target)
        print("session-manager-plugin was driven, too")
    print(f"sessions: {counting.checks} checks passed")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
