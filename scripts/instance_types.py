#!/usr/bin/env python3
"""Writes src/local-region/src/data/instance_types.json, the local region's catalogue.

AWS's own answers to DescribeInstanceTypes and DescribeInstanceTypeOfferings are
taken from the moto package (Apache-2.0), which keeps them up to date:

    pip download --no-deps --dest /tmp/moto moto
    scripts/instance_types.py /tmp/moto/moto-*.whl

Kept are all types with EFA and some common ones without. One type a line;
network cards that are alike are counted: [count, takes EFA, interfaces, speed].
"""

import collections
import datetime
import gzip
import json
import pathlib
import sys
import zipfile

RESOURCES = "moto/ec2/resources"
COMMON = ("t3.", "m5.", "c5.")
ALSO = {"m1.small", "c5n.large", "g4dn.xlarge", "g5.xlarge", "g6.xlarge", "g6e.xlarge", "m7g.large"}
TARGET = pathlib.Path(__file__).parent.parent / "src/local-region/src/data/instance_types.json"


def read(wheel: zipfile.ZipFile, name: str):
    """One of moto's files; newer versions have them compressed."""
    packed = f"{RESOURCES}/{name}.gz"
    if packed in wheel.namelist():
        return json.loads(gzip.decompress(wheel.read(packed)))
    return json.loads(wheel.read(f"{RESOURCES}/{name}"))


def cards(network: dict) -> list:
    """Network cards in order, neighbours that are alike counted."""
    packed: list = []
    for index, card in enumerate(network["NetworkCards"]):
        assert card["NetworkCardIndex"] == index, network
        efa = "efa" in card["InterfaceTypes"]
        assert card["InterfaceTypes"] == (["interface", "efa", "efa-only"] if efa else ["interface"])
        alike = [efa, card["MaximumNetworkInterfaces"], card["NetworkPerformance"]]
        if packed and packed[-1][1:] == alike:
            packed[-1][0] += 1
        else:
            packed.append([1, *alike])
    return packed


def entry(info: dict, zones: str) -> dict:
    """What the region needs of one type."""
    network, cpu = info["NetworkInfo"], info["VCpuInfo"]
    return {
        "name": info["InstanceType"],
        "current": info["CurrentGeneration"],
        "bare_metal": info["BareMetal"],
        "burstable": info["BurstablePerformanceSupported"],
        "free_tier": info["FreeTierEligible"],
        "usage": info["SupportedUsageClasses"],
        "strategies": info["PlacementGroupInfo"]["SupportedStrategies"],
        "hypervisor": info.get("Hypervisor"),
        "architectures": info["ProcessorInfo"]["SupportedArchitectures"],
        "vcpus": cpu["DefaultVCpus"],
        "cores": cpu.get("DefaultCores"),
        "memory_mib": info["MemoryInfo"]["SizeInMiB"],
        "storage_gb": info.get("InstanceStorageInfo", {}).get("TotalSizeInGB"),
        "gpus": [
            [gpu["Manufacturer"], gpu["Name"], gpu["Count"], gpu["MemoryInfo"]["SizeInMiB"]]
            for gpu in info.get("GpuInfo", {}).get("Gpus", [])
        ],
        "network": network["NetworkPerformance"],
        "max_interfaces": network["MaximumNetworkInterfaces"],
        "addresses_per_interface": network["Ipv4AddressesPerInterface"],
        "ena": network["EnaSupport"],
        "max_efa": network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        "cards": cards(network),
        "hibernation": info["HibernationSupported"],
        "dedicated_hosts": info["DedicatedHostsSupported"],
        "auto_recovery": info["AutoRecoverySupported"],
        "boot": info["SupportedBootModes"],
        "zones": zones,
    }


def main() -> None:
    path = pathlib.Path(sys.argv[1])
    wheel = zipfile.ZipFile(path)
    types = read(wheel, "instance_types.json")
    zones = collections.defaultdict(set)
    for offer in read(wheel, "instance_type_offerings/availability-zone/us-east-1.json"):
        zones[offer["InstanceType"]].add(offer["Location"][-1])
    kept = sorted(
        name
        for name, info in types.items()
        if info["NetworkInfo"].get("EfaSupported") or name.startswith(COMMON) or name in ALSO
    )
    lines = [
        json.dumps(entry(types[name], "".join(sorted(zones[name]))), separators=(",", ":"))
        for name in kept
    ]
    version = path.name.split("-")[1]
    made = datetime.datetime.fromtimestamp(
        max(datetime.datetime(*item.date_time).timestamp() for item in wheel.infolist())
    ).date()
    source = f"DescribeInstanceTypes and DescribeInstanceTypeOfferings of us-east-1 as kept by moto {version} (Apache-2.0)"
    TARGET.write_text(
        f'{{"source":{json.dumps(source)},"date":"{made}","types":[\n' + ",\n".join(lines) + "\n]}\n"
    )
    print(f"{len(kept)} types, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
