"""Pings through tunnels, five times a second each, until they are to stop; then which of them were not answered.
It runs in a gateway.

    pings.py start DIRECTORY <TUNNELS     TUNNELS: a JSON list of [NAME, SOURCE, DESTINATION]; waits for first answers
    pings.py stop DIRECTORY               prints JSON: {NAME: {"sent": COUNT, "lost": ["NUMBER after TIME", ...]}}
"""

import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

PATIENCE = 30
"""Seconds that an answer may take. What is later is lost; a machine that is busy takes its time."""

ANSWER = re.compile(r"^\[([0-9.]+)\] .* icmp_seq=([0-9]+) ttl", re.MULTILINE)
SENT = re.compile(r"[0-9]+/([0-9]+) packets")


class Ping:
    """A `ping` through one tunnel, and the files that it writes into."""

    def __init__(self, directory, name):
        self.name = name
        self._answers = directory / f"{name}.ping"
        self._status = directory / f"{name}.status"
        self._pid = directory / f"{name}.pid"

    def start(self, source, destination):
        """Begin to send."""
        command = ["ping", "-n", "-D", "-i", "0.2", "-I", source, destination]
        with open(self._answers, "wb") as answers, open(self._status, "wb") as status:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=answers, stderr=status, start_new_session=True
            )
        self._pid.write_text(str(process.pid), encoding="ascii")

    def answers(self):
        """When each answer came, by its number."""
        return {int(number): float(at) for at, number in ANSWER.findall(self._answers.read_text(encoding="utf-8"))}

    def sent(self):
        """How many it has sent; it tells the number when it gets SIGQUIT."""
        os.kill(self._process(), signal.SIGQUIT)
        wait(lambda: SENT.search(self._status.read_text(encoding="utf-8")))
        return int(SENT.search(self._status.read_text(encoding="utf-8"))[1])

    def stop(self):
        """What has been sent by now and what of it was lost. What is on its way is waited for."""
        sent = self.sent()
        wait(lambda: max(self.answers(), default=0) >= sent)
        os.kill(self._process(), signal.SIGINT)
        wait(lambda: not os.path.exists(f"/proc/{self._process()}"))
        answers = self.answers()
        self._pid.unlink()
        lost = [after(answers, number) for number in range(1, sent + 1) if number not in answers]
        return {"sent": sent, "lost": lost}

    def _process(self):
        return int(self._pid.read_text(encoding="ascii"))


def after(answers, lost):
    """A number that was lost, and when the last answer before it came."""
    before = max((at for number, at in answers.items() if number < lost), default=0)
    return f"{lost} after {datetime.datetime.fromtimestamp(before).time()}"


def wait(condition):
    """Wait until something is so, or for as long as patience lasts."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


def start(directory, tunnels):
    """Begin, and wait until there is an answer through each tunnel."""
    pings = []
    for name, source, destination in tunnels:
        pings.append(Ping(directory, name))
        pings[-1].start(source, destination)
    for ping in pings:
        wait(ping.answers)
        if not ping.answers():
            sys.exit(f"{ping.name}: no answer within {PATIENCE} seconds")


def stop(directory):
    """End all of them."""
    names = sorted(file.stem for file in directory.glob("*--*.pid"))
    print(json.dumps({name: Ping(directory, name).stop() for name in names}))


if __name__ == "__main__":
    if sys.argv[1] == "start":
        start(pathlib.Path(sys.argv[2]), json.load(sys.stdin))
    else:
        stop(pathlib.Path(sys.argv[2]))
