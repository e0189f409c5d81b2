package main

// usageOTA is the part of the help about AWS IoT.
const usageOTA = `
create-ota signs BINARY, a key in BUCKET, by AWS Signer's SIGNING_PROFILE, copies
it over the signed object, makes a stream of it, and makes the job
AFR_OTA-JOB_ID for THING_GROUP. OTA_ROLE (name or ARN) lets AWS IoT read the
object. What CreateOTAUpdate does, with all that only a job can:
  --protocol mqtt|http|both    (mqtt, up to 24 MB; http by pre-signed URLs that
        are valid for --expires-in 1h)
  --target NAME|thing:NAME|ARN more groups and things; THING_GROUP may then be -
  --continuous                 also devices that join the group later
  --timeout 10m|0              of an execution in progress
  --retry FAILED|TIMED_OUT|ALL=N (TIMED_OUT=3), or none
  --start +1h|TIME|now, --end +2h|TIME|none, --end-behavior CANCEL|STOP_ROLLOUT|
        FORCE_CANCEL           TIME is 2006-01-02T15:04 in UTC, or with a zone
  --window "cron(0 2 ? * SAT *) 2h"  maintenance window, of a continuous job
  --max-per-minute N, --rollout-base N --rollout-factor 1.1-5
        --rollout-after-notified N | --rollout-after-succeeded N
  --abort FAILED|REJECTED|TIMED_OUT|ALL:PERCENT:MINIMUM
  --package NAME/VERSION|ARN   of the Software Package Catalog, the firmware's first
  --tag KEY=VALUE, --description TEXT, --filepath PATH
  --sign-key PEM --certname NAME   sign here; SIGNING_PROFILE may then be -
  --signed-object KEY          signed before; BINARY and SIGNING_PROFILE may be -
  --stream ID [--stream-file N]    made before; BINARY, BUCKET and OTA_ROLE may be -
  --abota SOURCE [--release V] [--checksum MD5]   devices with abota fetch a
        release from s3://BUCKET/PREFIX or https://…; only THING_GROUP and JOB_ID
  --signing-prefix SignedImage/, --signing-timeout 5m, --health-deadline 7m30s
  --dry-run   print every request that would change something, send only reads
  --wait      show the job until it is over: exit 0 if every device took it
  --no-cleanup  leave what was made when a later step fails
--target, --retry, --window, --abort, --package and --tag may be repeated. What -
may stand for may also be left out.

ota list [--status S] [--all], ota show JOB,
ota cancel JOB [--force] [--comment TEXT] [--reason-code CODE],
ota delete JOB [--force]: --force also ends executions in progress, or deletes a
job that goes on. delete removes the job, its stream and the versions of its
signed object, never the binary.

Both take credentials and region as AWS's tools do (environment, profiles, roles),
or --endpoint URL, --region R, --profile P, --access-key K, --secret-key S.
AWS_ENDPOINT_URL_IOT, _SIGNER, _STS and _S3 are for one service each.
`
