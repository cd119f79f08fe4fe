"""manifest.py FOLDER IMAGE DIGEST PARTS: writes manifest.json and sbom.cdx.json
(CycloneDX 1.6) of the system it runs on. PARTS are lines of a name and a value.

Python 3.9's own library only. What is not there is left out; what is there and
cannot be read ends the build, for a list with holes is worse than none.
"""

import hashlib
import importlib.metadata
import json
import platform
import re
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

VENV = Path("/opt/nixl/venv")
DAEMON = Path("/usr/bin/nixl-noded")
EFA_RECORD = Path("/opt/amazon/efa_installed_packages")
# Namespace of purls (package-url.org, types deb and rpm).
PURL_NAMESPACE = {"debian": "debian", "ubuntu": "ubuntu", "amzn": "amzn"}
# Versions that people ask for first: name in the manifest, and packages that tell it.
HEADLINES = {
    "systemd": ["systemd"],
    "cloud-init": ["cloud-init"],
    "glibc": ["libc6", "glibc"],
    "fabric-manager": [r"nvidia-fabricmanager(-\d+)?"],
    "gdrcopy": ["libgdrapi", "gdrcopy"],
    "rdma-core": ["rdma-core"],
    "nixl": ["nixl"],
    "vllm": ["vllm"],
    "torch": ["torch"],
}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def maybe(*command):
    """The first line a program says, or nothing where it is not there or does not know."""
    try:
        return run(*command).strip().splitlines()[0]
    except (FileNotFoundError, subprocess.CalledProcessError, IndexError):
        return None


def os_release():
    pairs = (line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, value in pairs}


def debs():
    form = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"
    for line in run("dpkg-query", "--show", f"--showformat={form}").splitlines():
        status, name, version, architecture = line.split("\t")
        if status == "installed":
            yield {"kind": "deb", "name": name, "version": version, "architecture": architecture}


def rpms():
    form = "%{NAME}\t%{EPOCHNUM}\t%{VERSION}-%{RELEASE}\t%{ARCH}\n"
    for line in run("rpm", "--query", "--all", "--queryformat", form).splitlines():
        name, epoch, version, architecture = line.split("\t")
        # Keys of archives stand in the same database.
        if name != "gpg-pubkey":
            version = version if epoch == "0" else f"{epoch}:{version}"
            yield {"kind": "rpm", "name": name, "version": version, "architecture": architecture}


def wheels():
    folders = [str(path) for path in sorted(VENV.glob("lib*/python3*/site-packages"))]
    # lib64 is a link to lib.
    seen = set()
    for one in importlib.metadata.distributions(path=folders):
        name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
        if name not in seen:
            seen.add(name)
            yield {"kind": "pypi", "name": name, "version": one.version}


def built(packages):
    """GDRCopy, where the image's own build made it, by its module's sources for dkms."""
    if not any(one["name"] in ("gdrdrv-dkms", "gdrcopy-kmod") for one in packages):
        for path in sorted(Path("/usr/src").glob("gdrdrv-*")):
            yield {"kind": "github", "name": "gdrcopy", "version": path.name.removeprefix("gdrdrv-")}


def purl(package, system):
    version = quote(package["version"], safe="~:._-")
    name = quote(package["name"], safe="~._-")
    if package["kind"] == "pypi":
        return f"pkg:pypi/{name}@{version}"
    if package["kind"] == "github":
        return f"pkg:github/nvidia/{name}@v{version}"
    words = {"arch": package["architecture"], "distro": f"{system['ID']}-{system['VERSION_ID']}"}
    if package["kind"] == "rpm" and ":" in package["version"]:
        words["epoch"], rest = package["version"].split(":", 1)
        version = quote(rest, safe="~:._-")
    more = "&".join(f"{key}={quote(value, safe='~._-')}" for key, value in sorted(words.items()))
    return f"pkg:{package['kind']}/{PURL_NAMESPACE[system['ID']]}/{name}@{version}?{more}"


def kernels():
    found = Path("/lib/modules")
    return sorted(path.name for path in found.iterdir() if path.is_dir()) if found.is_dir() else []


def libfabric():
    """Of the library that the loader takes: EFA's, else the distribution's."""
    efa = maybe("/opt/amazon/efa/bin/fi_info", "--version")
    return efa.split(":")[-1].strip() if efa else None


def versions(packages, there):
    told = {"kernel": " ".join(there) or None, "libfabric": libfabric()}
    for kernel in there[:1]:
        told["nvidia-driver"] = maybe("modinfo", "-k", kernel, "-F", "version", "nvidia")
        told["efa-driver"] = maybe("modinfo", "-k", kernel, "-F", "version", "efa")
    if EFA_RECORD.exists():
        found = re.search(r"^# EFA installer version: (\S+)$", EFA_RECORD.read_text(), re.MULTILINE)
        told["efa-installer"] = found.group(1) if found else None
    told["nixl-noded"] = (maybe(str(DAEMON), "--version") or "").split(" ")[-1] or None
    for name, patterns in {**HEADLINES, "libfabric": ["libfabric1", "libfabric"]}.items():
        hits = [one for one in packages if any(re.fullmatch(want, one["name"]) for want in patterns)]
        if hits and not told.get(name):
            told[name] = hits[0]["version"]
    return {name: value for name, value in sorted(told.items()) if value}


def manifest(image, packages, system, now):
    name, digest, parts = image
    there = kernels()
    return {
        "format": 1,
        "image": name,
        "digest": digest,
        "made": now,
        "system": {"id": system["ID"], "version": system["VERSION_ID"], "name": system["PRETTY_NAME"]},
        "architecture": platform.machine(),
        "inputs": dict(line.split(" ", 1) for line in parts.splitlines()),
        "versions": versions(packages, there),
        "packages": packages,
    }


def sbom(manifest, system):
    components = [
        {
            "type": "library",
            "bom-ref": purl(one, system),
            "name": one["name"],
            "version": one["version"],
            "purl": purl(one, system),
        }
        for one in manifest["packages"]
    ]
    if DAEMON.exists():
        daemon = {"type": "application", "bom-ref": "nixl-noded", "name": "nixl-noded"}
        if "nixl-noded" in manifest["versions"]:
            daemon["version"] = manifest["versions"]["nixl-noded"]
        digest = hashlib.sha256(DAEMON.read_bytes()).hexdigest()
        components.append({**daemon, "hashes": [{"alg": "SHA-256", "content": digest}]})
    name, _, version = manifest["image"].partition(" ")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # One image, one serial number.
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, manifest["digest"]).urn,
        "version": 1,
        "metadata": {
            "timestamp": manifest["made"],
            "tools": {"components": [{"type": "application", "name": "nixl-bake"}]},
            "component": {
                "type": "operating-system",
                "bom-ref": "image",
                "name": name,
                "version": version,
                "properties": [{"name": "nixl:digest", "value": manifest["digest"]}],
                "description": manifest["system"]["name"],
            },
        },
        "components": components,
    }


def write(path, document):
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    part.chmod(0o644)
    part.rename(path)


def main():
    folder, *image = sys.argv[1:]
    folder = Path(folder)
    system = os_release()
    listed = [*(rpms() if system["ID"] == "amzn" else debs())]
    by_name = lambda one: (one["kind"], one["name"], one["version"], one.get("architecture", ""))
    packages = sorted([*listed, *built(listed), *wheels()], key=by_name)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = manifest(image, packages, system, now)
    write(folder / "manifest.json", document)
    write(folder / "sbom.cdx.json", sbom(document, system))
    print(f"{len(packages)} packages, {', '.join(f'{k} {v}' for k, v in document['versions'].items())}")


main()
