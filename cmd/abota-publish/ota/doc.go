// Package ota makes, shows and removes AWS IoT jobs that update firmware over
// the air. It does in its parts what CreateOTAUpdate does in one call (sign,
// stream, document, job), because only CreateJob takes retries, schedules,
// maintenance windows and catalog packages.
//
// # Guarantee
//
// A Request is checked as a whole before anything is sent, against every rule
// of the service that is known: Request.Check needs no network, and the
// preflight after it only reads. With the defaults, what is sent has exactly
// the keys that a plain CreateOTAUpdate takes apart to: no rollout, abort,
// presigned URL or tags unless asked for. Every object is named with its
// version, so that an upload in between changes no job. When a step fails, or
// the run is interrupted, what was made before is removed again and each
// removal is said; a job whose fate is unknown keeps what it refers to. The
// source binary is never changed or removed.
//
// # Not guaranteed
//
// A signing job cannot be cancelled: interrupted, it may still write its
// object. With a stream that was there before, Signer's object stays, since no
// part of the job names it. Rights that the caller lacks for a check turn the check into a
// warning; the service then has the last word. The service may know rules that
// it does not document.
//
// # Format
//
// The job's document, with the keys of AWS's sample for taking CreateOTAUpdate
// apart (aws-samples/aws-iot-create-ota-update-deconstructed):
//
//	{"afr_ota":{"protocols":["MQTT"],"streamname":ID,"files":[{"filepath":null,"filesize":BYTES,"fileid":0,
//	 "certfile":NAME,"update_data_url":null,"auth_scheme":null,"sig-sha256-ecdsa":BASE64}]}}
//
// With HTTP, update_data_url holds a placeholder that the service replaces by
// a pre-signed URL, and auth_scheme is "aws.s3.presigned" (the keys are those
// of AWS's OTA library for embedded C; the placeholder is documented for jobs
// in general, and its use here is not). Beside afr_ota may stand
// {"abota":{"version":1,"package":{"name":N,"version":V}}}, which other agents
// ignore. abota's own document is
//
//	{"abota":{"version":1,"source":"s3://BUCKET/PREFIX" or "https://…","release":V?,"checksum":MD5?,"package":…?}}
//
// The signature is base64 of DER (ECDSA) or of PKCS #1 v1.5 (RSA) over the
// SHA-256 of the binary. That RSA means PKCS #1 v1.5 is inferred from the
// algorithm's name, SHA256withRSA.
package ota
