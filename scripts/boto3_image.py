"""Finds an image by a tag with boto3, as a script without a tool does: the peer of a bake with nothing to do in
`./bench bake`.

usage: boto3_image.py KEY VALUE
"""

import sys

import boto3


def main():
    key, value = sys.argv[1:]
    filters = [{"Name": f"tag:{key}", "Values": [value]}, {"Name": "state", "Values": ["available"]}]
    images = boto3.client("ec2").describe_images(Owners=["self"], Filters=filters)["Images"]
    if not images:
        sys.exit(f"no image with {key}={value}")
    print(max(images, key=lambda image: image["CreationDate"])["ImageId"])


if __name__ == "__main__":
    main()
