"""The older scripts' update, end to end, as a user runs it today: three
objects by boto3, MD5, Fernet in memory, unzip, copy into the slot, fsync.

usage: seed_install.py ENDPOINT BUCKET PREFIX FOLDER SLOT
Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""
import hashlib
import os
import shutil
import sys
import zipfile

import boto3
from botocore.config import Config
from cryptography.fernet import Fernet


def main(endpoint, bucket, prefix, folder, slot):
    local = {name: os.path.join(folder, "local_" + name) for name in ("firmware.zip", "checksum.txt", "key.key")}
    s3 = boto3.session.Session().resource(
        "s3", region_name="us-east-1", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"})
    )
    for name, path in local.items():
        s3.Bucket(bucket).download_file(prefix + "/" + name, path)

    with open(local["firmware.zip"], "rb") as f:
        calculated = hashlib.md5(f.read()).hexdigest()
    with open(local["checksum.txt"]) as f:
        if f.read().strip() != calculated:
            sys.exit("the checksum differs")

    with open(local["key.key"], "rb") as f:
        fernet = Fernet(f.read())
    with open(local["firmware.zip"], "rb") as f:
        plain = fernet.decrypt(f.read())
    with open(local["firmware.zip"], "wb") as f:
        f.write(plain)
    with zipfile.ZipFile(local["firmware.zip"]) as z:
        z.extractall(folder)
        image = os.path.join(folder, z.namelist()[0])

    with open(image, "rb") as src, open(slot, "r+b") as dst:
        shutil.copyfileobj(src, dst, 1 << 20)
        dst.flush()
        os.fsync(dst.fileno())


main(*sys.argv[1:])
