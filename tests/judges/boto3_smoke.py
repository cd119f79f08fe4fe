#!/usr/bin/env python3
"""Judges the local region's API with boto3, a client that is not ours.

usage: AWS_ENDPOINT_URL=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… boto3_smoke.py [--credentials URL]

Makes its own resources under one random name, checks answers and error codes,
and removes everything. `--credentials URL/{id}` names where the credentials of
an instance's role can be read (the example api_only has it); without it the
checks of role sessions are left out and said so.
"""

import argparse
import sys

import counting
from smoke import attachments, commands, iam, images, instances, network, parameters, prices
from smoke import quotas, s3, schedules, signatures, tracking


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--credentials", help="URL with {id} that answers an instance's credentials")
    options = parser.parse_args()
    signatures.judge()
    account = signatures.account()
    role = iam.up()
    debian = parameters.judge()
    uri = s3.up()
    vpc, subnet = network.judge()
    group = network.security_group(vpc)
    network.placement_group()
    ami = images.build(uri)
    ids, request = instances.launch(ami, subnet, group)
    attachments.judge(ids, subnet, group)
    commands.judge(ids, real=not options.credentials)
    if options.credentials:
        instances.sessions(options.credentials, ids, account)
    else:
        print("role sessions: not checked, no --credentials")
    instances.down(ids, group, request)
    images.down(ami, debian)
    tracking.judge(role)
    quotas.judge()
    prices.judge()
    schedules.judge()
    iam.down()
    s3.down()
    print(f"{counting.checks} checks passed")


if __name__ == "__main__":
    sys.exit(main())
