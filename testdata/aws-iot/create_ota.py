"""An over-the-air update job from its parts, as CreateOTAUpdate puts it together.

The same calls in the same order as AWS's sample for taking CreateOTAUpdate
apart, so that what it makes can be compared with what abota-publish makes:

    python3 create_ota.py BINARY BUCKET SIGNING_PROFILE OTA_ROLE THING_GROUP JOB_ID [MINUTES]

The job begins in MINUTES (60) and ends an hour later; 0 is at once, without an
end. Region and keys come from the environment, and so do the endpoints
(AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_IOT and so on), which older versions of
boto3 do not read themselves. Prints one JSON object."""

import datetime
import json
import os
import sys
import time
import uuid

import boto3
from botocore.config import Config

PREFIX = "AFR_OTA-"


def client(name):
    endpoint = os.environ.get("AWS_ENDPOINT_URL_" + name.upper()) or os.environ.get("AWS_ENDPOINT_URL") or None
    # A store that is no AWS has no name in DNS for each bucket.
    config = Config(s3={"addressing_style": "path"}) if name == "s3" and endpoint else None
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return boto3.client(name, endpoint_url=endpoint, region_name=region, config=config)


def sign(s3, signer, binary, bucket, profile):
    """The finished signing job."""
    version = s3.get_object(Bucket=bucket, Key=binary)["VersionId"]
    job = signer.start_signing_job(
        source={"s3": {"bucketName": bucket, "key": binary, "version": version}},
        destination={"s3": {"bucketName": bucket, "prefix": "SignedImage/"}},
        profileName=profile,
    )["jobId"]
    while True:
        answer = signer.describe_signing_job(jobId=job)
        if answer["status"] != "InProgress":
            break
        time.sleep(0.1)
    if answer["status"] != "Succeeded":
        sys.exit(f"signing job {job}: {answer['status']}: {answer.get('statusReason')}")
    return answer


def stream_of(s3, iot, bucket, key, role, job):
    """A new stream of the newest version of the object."""
    version = s3.get_object(Bucket=bucket, Key=key)["VersionId"]
    stream = PREFIX + str(uuid.uuid4())
    iot.create_stream(
        streamId=stream,
        description=f"Stream for deconstructed OTAUpdate {job}",
        files=[{"fileId": 0, "s3Location": {"bucket": bucket, "key": key, "version": version}}],
        roleArn=role,
    )
    return stream


def signature_below(s3, bucket, key):
    """What lies under the binary: the signer's JSON is the oldest version."""
    versions = [v for v in s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"] if v["Key"] == key]
    oldest = s3.get_object(Bucket=bucket, Key=key, VersionId=versions[-1]["VersionId"])
    return json.load(oldest["Body"])


def job_document(stream, signed, certificate):
    name = "sig-" + signed["signatureAlgorithm"].replace("with", "-").lower()
    file = {
        "filepath": None,
        "filesize": signed["rawPayloadSize"],
        "fileid": 0,
        "certfile": certificate,
        "update_data_url": None,
        "auth_scheme": None,
        name: signed["signature"],
    }
    return {"afr_ota": {"protocols": ["MQTT"], "streamname": stream, "files": [file]}}


def schedule(minutes):
    if not minutes:
        return {}
    start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    end = start + datetime.timedelta(hours=1)
    form = "%Y-%m-%dT%H:%M"
    return {"schedulingConfig": {"startTime": start.strftime(form), "endTime": end.strftime(form), "endBehavior": "CANCEL"}}


def main(binary, bucket, profile, role, group, job, minutes="60"):
    sts, s3, signer, iot = (client(name) for name in ("sts", "s3", "signer", "iot"))
    account, region = sts.get_caller_identity()["Account"], iot.meta.region_name
    role = f"arn:aws:iam::{account}:role/{role}"

    done = sign(s3, signer, binary, bucket, profile)
    key = done["signedObject"]["s3"]["key"]
    s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": binary})
    stream = stream_of(s3, iot, bucket, key, role, job)
    document = job_document(stream, signature_below(s3, bucket, key), done["signingParameters"]["certname"])
    made = iot.create_job(
        jobId=PREFIX + job,
        targets=[f"arn:aws:iot:{region}:{account}:thinggroup/{group}"],
        document=json.dumps(document),
        description=f"AWS job for deconstructed OTAUpdateJobId = {job}",
        targetSelection="SNAPSHOT",
        timeoutConfig={"inProgressTimeoutInMinutes": 10},
        jobExecutionsRetryConfig={"criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 3}]},
        **schedule(int(minutes)),
    )
    print(json.dumps({"boto3": boto3.__version__, "job_id": made["jobId"], "stream": stream, "document": document}))


if __name__ == "__main__":
    if len(sys.argv) not in (7, 8):
        sys.exit(__doc__)
    main(*sys.argv[1:])
