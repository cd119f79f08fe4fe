"""The boto3 script as a program of the matrix: a process of its own, forked so that boto3 is read only once."""

import io
import os
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "scripts"))

import boto3_pair  # noqa: E402
from audit import LOADER  # noqa: E402
from matrix import Program  # noqa: E402

# A script that waits for what never comes is ended.
TIMEOUT_SECS = 40


class Forked:
    """As much of Popen as the matrix uses."""

    def __init__(self, environment, home, command):
        read, write = os.pipe()
        self.pid, self.returncode = os.fork(), None
        if self.pid == 0:
            os.close(read)
            os._exit(run(environment, home, command, write))
        os.close(write)
        self.read = read

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def kill(self):
        if self.poll() is None:
            os.kill(self.pid, 9)

    def communicate(self, timeout=None):
        end = time.monotonic() + (timeout or TIMEOUT_SECS)
        while self.poll() is None:
            if time.monotonic() > end:
                self.kill()
            time.sleep(0.02)
        if self.read is None:
            return None, b""
        with io.FileIO(self.read, "r") as pipe:
            told = pipe.readall()
        self.read = None
        return None, told


def run(environment, home, command, errors):
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(home)
    try:
        pair = boto3_pair.Pair("pair", loader=LOADER)
        getattr(pair, command)()
        return 0
    except BaseException as error:  # as the interpreter ends a script
        text = "".join(traceback.format_exception_only(error))
        os.write(errors, text.encode()[:4000])
        return 1


def program():
    def start(environment, home, command, _):
        return Forked(environment, home, command)

    return Program("boto3 script", start, TIMEOUT_SECS)
