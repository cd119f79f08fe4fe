#!/usr/bin/env python3
"""Writes src/local-region/src/data/prices.json, the local region's price list.

The On-Demand prices are AWS's own (Price List API: us-east-1, Linux, shared
tenancy, no software), which aws/karpenter-provider-aws (Apache-2.0) keeps as a
generated file with the time of its generation:

    git show HEAD:pkg/providers/pricing/zz_generated.pricing_aws.go > prices.go   # in a clone of it
    scripts/prices.py prices.go COMMIT

Kept are the prices of the types in the region's catalogue. Types without a
price there (not sold On-Demand, or not in us-east-1) have none here.
"""

import json
import pathlib
import re
import sys

DATA = pathlib.Path(__file__).parent.parent / "src/local-region/src/data"
TARGET = DATA / "prices.json"
REGION = "us-east-1"


def main() -> None:
    text, commit = pathlib.Path(sys.argv[1]).read_text(), sys.argv[2]
    time = re.search(rf"// generated at (\S+) for {REGION}", text).group(1)
    table = re.search(rf'"{REGION}": {{(.*?)\n\t}},', text, re.DOTALL).group(1)
    prices = {name: float(usd) for name, usd in re.findall(r'"([^"]+)":\s*([0-9.]+)', table)}
    catalogue = json.loads((DATA / "instance_types.json").read_text())["types"]
    kept = {entry["name"]: prices[entry["name"]] for entry in catalogue if entry["name"] in prices}
    source = (
        f"AWS Price List of {REGION}, On-Demand, Linux, shared tenancy, as kept by"
        f" aws/karpenter-provider-aws at {commit[:12]} (Apache-2.0)"
    )
    lines = ",\n".join(f"{json.dumps(name)}:{json.dumps(usd)}" for name, usd in sorted(kept.items()))
    TARGET.write_text(
        f'{{"source":{json.dumps(source)},"time":"{time}","usd_per_hour":{{\n{lines}\n}}}}\n'
    )
    print(f"{len(kept)} prices of {len(catalogue)} types, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
