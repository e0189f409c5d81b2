"""What boto3 sees of the account: python3 account.py CONTROL REGION BUCKET PROFILE GROUP THING.

Every client has the same endpoint; keys come from the environment."""

import hashlib
import json
import sys
import time
import urllib.request

import boto3
from botocore.exceptions import ClientError

control, region, bucket, profile, group, thing = sys.argv[1:]


def client(service):
    return boto3.client(service, endpoint_url=control, region_name=region)


def refused(code, http, call, /, **kwargs):
    try:
        call(**kwargs)
    except ClientError as e:
        got = (e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"])
        assert got == (code, http), (got, e)
        return e
    raise AssertionError(f"{call} was not refused")


iot, s3, signer, sts = (client(name) for name in ("iot", "s3", "signer", "sts"))
jobs_data, iot_data = client("iot-jobs-data"), client("iot-data")

account = sts.get_caller_identity()["Account"]
assert len(account) == 12, account

# An object with versions, and a link to the older one.
image = bytes(range(256)) * 1024
old = s3.put_object(Bucket=bucket, Key="py/fw v1.bin", Body=image)["VersionId"]
new = s3.put_object(Bucket=bucket, Key="py/fw v1.bin", Body=b"newer")["VersionId"]
versions = s3.list_object_versions(Bucket=bucket, Prefix="py/")["Versions"]
assert [v["VersionId"] for v in versions] == [new, old], versions
link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "py/fw v1.bin", "VersionId": old})
assert urllib.request.urlopen(link).read() == image

# A signing job.
job = signer.start_signing_job(
    source={"s3": {"bucketName": bucket, "key": "py/fw v1.bin", "version": old}},
    destination={"s3": {"bucketName": bucket, "prefix": "SignedImage/"}},
    profileName=profile,
)["jobId"]
states = []
while not states or states[-1] == "InProgress":
    described = signer.describe_signing_job(jobId=job)
    states.append(described["status"])
    time.sleep(0.05)
assert states[0] == "InProgress" and states[-1] == "Succeeded", (states, described)
signed = described["signedObject"]["s3"]
document = json.loads(s3.get_object(Bucket=signed["bucketName"], Key=signed["key"])["Body"].read())
assert document["rawPayloadSize"] == len(image) and document["signatureAlgorithm"] == "SHA256withECDSA", document
s3.copy_object(Bucket=bucket, Key=signed["key"], CopySource={"Bucket": bucket, "Key": "py/fw v1.bin", "VersionId": old})
listed = s3.list_object_versions(Bucket=bucket, Prefix=signed["key"])["Versions"]
assert len(listed) == 2 and listed[0]["IsLatest"], listed
refused("ResourceNotFoundException", 404, signer.describe_signing_job, jobId="absent")
refused("ResourceNotFoundException", 404, signer.get_signing_profile, profileName="absent")

# A stream and a job for the group.
role = f"arn:aws:iam::{account}:role/OTARole"
files = [{"fileId": 0, "s3Location": {"bucket": bucket, "key": signed["key"], "version": listed[0]["VersionId"]}}]
stream = iot.create_stream(streamId="AFR_OTA-py", description="from Python", files=files, roleArn=role)
assert stream["streamVersion"] == 1, stream
assert iot.describe_stream(streamId="AFR_OTA-py")["streamInfo"]["files"] == files
refused("ResourceAlreadyExistsException", 409, iot.create_stream, streamId="AFR_OTA-py", files=files, roleArn=role)

target = f"arn:aws:iot:{region}:{account}:thinggroup/{group}"
assert iot.describe_thing_group(thingGroupName=group)["thingGroupArn"] == target
text = json.dumps({"afr_ota": {"streamname": "AFR_OTA-py", "url": None}})
made = iot.create_job(
    jobId="AFR_OTA-py", targets=[target], document=text, description="from Python", targetSelection="SNAPSHOT",
    timeoutConfig={"inProgressTimeoutInMinutes": 10},
    jobExecutionsRetryConfig={"criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 3}]},
)
assert made["jobArn"].endswith(":job/AFR_OTA-py"), made
started = jobs_data.start_next_pending_job_execution(thingName=thing, statusDetails={"step": "1"})["execution"]
assert started["jobId"] == "AFR_OTA-py" and started["jobDocument"] == text and started["statusDetails"] == {"step": "1"}, started
shown = iot.describe_job_execution(jobId="AFR_OTA-py", thingName=thing)["execution"]
assert shown["status"] == "IN_PROGRESS" and shown["statusDetails"] == {"detailsMap": {"step": "1"}}, shown
assert abs(shown["startedAt"].timestamp() - time.time()) < 3600, shown
refused("InvalidStateTransitionException", 409, jobs_data.update_job_execution, jobId="AFR_OTA-py", thingName=thing, status="SUCCEEDED", expectedVersion=99)
jobs_data.update_job_execution(jobId="AFR_OTA-py", thingName=thing, status="SUCCEEDED", expectedVersion=started["versionNumber"])
refused("InvalidStateTransitionException", 409, jobs_data.update_job_execution, jobId="AFR_OTA-py", thingName=thing, status="FAILED")
finished = iot.describe_job(jobId="AFR_OTA-py")["job"]
assert finished["status"] == "COMPLETED" and finished["jobProcessDetails"]["numberOfSucceededThings"] == 1, finished
assert iot.get_job_document(jobId="AFR_OTA-py")["document"] == text
refused("ResourceNotFoundException", 404, iot.describe_job, jobId="absent")
refused("InvalidRequestException", 400, iot.create_job, jobId="bad", targets=[target], document="no JSON")

# Shadows, topics, and an operation that the emulator has not.
iot_data.update_thing_shadow(thingName=thing, shadowName="$package", payload=json.dumps({"state": {"reported": {"fw": {"version": "1"}}}}))
shadow = json.loads(iot_data.get_thing_shadow(thingName=thing, shadowName="$package")["payload"].read())
assert shadow["state"]["reported"] == {"fw": {"version": "1"}}, shadow
iot_data.publish(topic="a/b", qos=1, payload=b"hello")
unknown = refused("UnknownOperationException", 404, iot.list_thing_types)
assert "/thing-types" in str(unknown), unknown

iot.delete_job(jobId="AFR_OTA-py")
iot.delete_stream(streamId="AFR_OTA-py")
print("boto3", boto3.__version__, hashlib.sha256(image).hexdigest()[:8], "ok")
