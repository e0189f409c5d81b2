"""Publishes a release as the older scripts do: a zip, encrypted by
cryptography.Fernet, its MD5, and the key, uploaded by boto3.

usage: publish.py IMAGE FOLDER ENDPOINT BUCKET
Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""
import hashlib
import os
import sys
import zipfile

import boto3
from botocore.config import Config
from cryptography.fernet import Fernet


def main(image, folder, endpoint, bucket):
    path = os.path.join(folder, "firmware.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.write(image, os.path.basename(image))

    key = Fernet.generate_key()
    with open(os.path.join(folder, "key.key"), "wb") as f:
        f.write(key)
    with open(path, "rb") as f:
        data = f.read()
    with open(path, "wb") as f:
        f.write(Fernet(key).encrypt(data))
    with open(path, "rb") as f:
        checksum = hashlib.md5(f.read()).hexdigest()
    with open(os.path.join(folder, "checksum.txt"), "w") as f:
        f.write(checksum)

    s3 = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"})
    )
    for name in ("firmware.zip", "checksum.txt", "key.key"):
        s3.upload_file(os.path.join(folder, name), bucket, name)


if __name__ == "__main__":
    main(*sys.argv[1:])
