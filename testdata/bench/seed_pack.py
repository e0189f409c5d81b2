"""Makes a release the way the older scripts do: a zip of the image, encrypted
whole by Fernet, its MD5, and the key.

usage: seed_pack.py IMAGE FOLDER
"""
import hashlib
import os
import sys
import zipfile

from cryptography.fernet import Fernet


def main(image, folder):
    path = os.path.join(folder, "firmware.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.write(image, os.path.basename(image))
    key = Fernet.generate_key()
    with open(path, "rb") as f:
        token = Fernet(key).encrypt(f.read())
    for name, content in (
        ("firmware.zip", token),
        ("key.key", key),
        ("checksum.txt", hashlib.md5(token).hexdigest().encode()),
    ):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(content)


main(*sys.argv[1:])
