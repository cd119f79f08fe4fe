"""Judges SBOMs as CycloneDX's own library does: JSON schema of 1.6, strictly, unique references and purls that can be read.

usage: cyclonedx_judge.py FILE...
"""

import collections
import json
import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def complaints(text):
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        return [f"not CycloneDX 1.6: {getattr(error.data, 'message', error.data)}"]
    sbom = json.loads(text)
    parts = [sbom["metadata"]["component"], *sbom["components"]]
    counted = collections.Counter(part["bom-ref"] for part in parts)
    found = [f"{ref} is there {count} times" for ref, count in counted.items() if count > 1]
    for purl in (part["purl"] for part in parts if "purl" in part):
        try:
            PackageURL.from_string(purl)
        except ValueError as error:
            found.append(f"{purl}: {error}")
    return found


def main():
    wrong = [f"{path}: {one}" for path in sys.argv[1:] for one in complaints(pathlib.Path(path).read_text(encoding="utf-8"))]
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
