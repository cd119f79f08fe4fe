#!/usr/bin/env python3
"""Judges recordings of a local region (`nixl-region up --record FILE`) by botocore's service models.

usage: botocore_judge.py [--probes AGENT | --answers] RECORDING...

Every request and every answer is decoded by its protocol and held against the model: members,
types, enums, required ones, patterns, lengths, ranges, times; errors must have a code that AWS knows. Of S3 all is
judged but what is in an object, which no recording has.
Requests of a client whose user agent begins with AGENT may be wrong on purpose: one that breaks the
model is no finding if it was refused. With --answers only answers are judged, for clients that only
pretend to be one. Exits with 1 if anything is invalid.
"""

import argparse
import collections
import json
import re
import sys

from exchange import answers, requests
from exchange.report import Report
from exchange.services import service


class Judgement:
    """Counts and findings over recordings."""

    def __init__(self, probes=None, answers_only=False):
        self.probes = probes
        self.answers_only = answers_only
        self.counts = collections.Counter()
        # Equal findings are told once, with the first sequence number and how many there are.
        self.findings = {}

    def judge(self, exchange):
        """Judges one exchange."""
        self.counts["requests"] += 1
        model = service(exchange["service"])
        if model is None:
            self._note(exchange, "request", [("", "botocore knows no such service")])
            return
        asked = Report(model.name)
        operation = requests.check(model, exchange["request"], asked)
        answer = exchange["answer"]
        refused = answer is not None and answer["status"] >= 400
        # Where S3 refuses before it knows the operation, the region has the method instead.
        at_door = refused and (model.name, exchange["operation"]) == ("s3", exchange["request"]["method"])
        if operation is not None and operation.name != exchange["operation"] and not at_door:
            asked.add("", f"the region took it for {exchange['operation']}, and it is {operation.name}")
        if self.answers_only:
            pass
        elif asked.findings and refused and self._may_probe(exchange):
            self.counts["refused"] += 1
        else:
            self._note(exchange, "request", asked.findings)
        if answer is None:
            return
        self.counts["answers"] += 1
        answered = Report(model.name)
        meant = operation or model.operation(exchange["operation"])
        answers.check(model, meant, exchange["request"]["method"], answer, answered)
        # The code of a fault is what a person set, who may want to see what a client makes of it.
        found = [finding for finding in answered.findings if not (exchange["fault"] and finding[0] == "code")]
        self._note(exchange, "answer", found)

    def _may_probe(self, exchange):
        return self.probes and exchange["request"]["headers"].get("user-agent", "").startswith(self.probes)

    def _note(self, exchange, side, findings):
        self.counts["invalid"] += bool(findings)
        for path, why in findings:
            where = re.sub(r"\[\d+\]", "[]", path)
            key = (exchange["service"], exchange["operation"], side, where, why)
            self.findings.setdefault(key, []).append((exchange["sequence"], path))

    def tell(self, out=sys.stdout):
        """Prints findings and counts."""
        for (name, operation, side, _, why), places in self.findings.items():
            sequence, path = places[0]
            times = f" ({len(places)} times)" if len(places) > 1 else ""
            print(f"  #{sequence} {name} {operation} {side} {path or '-'}: {why}{times}", file=out)
        line = "{requests} requests, {answers} answers, {invalid} invalid"
        if self.probes:
            line += "; {refused} of the requests wrong on purpose and refused"
        print(line.format_map(self.counts), file=out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probes", metavar="AGENT", help="begin of the user agent of a client that asks wrongly on purpose")
    parser.add_argument("--answers", action="store_true", help="judge no requests")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING")
    options = parser.parse_args()
    judgement = Judgement(options.probes, options.answers)
    for recording in options.recordings:
        with open(recording, encoding="utf-8") as lines:
            for line in lines:
                judgement.judge(json.loads(line))
    judgement.tell()
    if not judgement.counts["requests"]:
        sys.exit(f"{', '.join(options.recordings)}: nothing was recorded")
    return 1 if judgement.counts["invalid"] else 0


if __name__ == "__main__":
    sys.exit(main())
