#!/usr/bin/env python3
"""Writes src/local-region/src/data/ec2_parameters.txt: what EC2's operations can be asked.

The names come from botocore's model of EC2 (Apache-2.0), for the operations
that the local region carries out; N stands for a number:

    target/venv/bin/python3 scripts/ec2_parameters.py
"""

import pathlib
import re

import botocore.session

REGION = pathlib.Path(__file__).parent.parent / "src/local-region/src"
TARGET = REGION / "data/ec2_parameters.txt"
OPERATION = re.compile(r'^ {8}"([A-Z]\w+)" =>', re.MULTILINE)


def name(member, key: str) -> str:
    """A member's name in the EC2 query protocol."""
    query = member.serialization.get("queryName")
    if query:
        return query
    plain = member.serialization.get("name", key)
    return plain[0].upper() + plain[1:]


def names(shape, prefix: str):
    """Names of all that a shape can hold."""
    if shape.type_name == "structure":
        for key, member in shape.members.items():
            yield from names(member, f"{prefix}.{name(member, key)}" if prefix else name(member, key))
    elif shape.type_name == "list":
        yield from names(shape.member, f"{prefix}.N")
    else:
        yield prefix


def main() -> None:
    model = botocore.session.get_session().get_service_model("ec2")
    operations = sorted(OPERATION.findall((REGION / "api/ec2/mod.rs").read_text()))
    lines = (
        f"{operation}: {' '.join(sorted(names(model.operation_model(operation).input_shape, '')))}\n"
        for operation in operations
    )
    TARGET.write_text("".join(lines))
    print(f"{TARGET}: {len(operations)} operations")


main()
