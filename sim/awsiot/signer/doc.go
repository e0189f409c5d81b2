// Package signer plays AWS Signer as over-the-air work for AWS IoT uses it:
// profiles, and jobs that take a version of an object in a bucket and put a
// signed object beside it.
//
// # Guarantee
//
// A signature is over the SHA-256 (or SHA-1, where a profile says so) of the
// exact bytes of the version that was named, by the key of the profile's
// certificate: ECDSA P-256 as ASN.1 DER, or RSA PKCS #1 v1.5. A job is InProgress
// first and ends as Succeeded or Failed, with the reason. Objects of any size
// pass through in pieces.
//
// # Not guaranteed
//
// The certificate store of a real account (ACM) is not here: an ARN stands for
// a key and a self-signed certificate that are made when a profile first names
// it, and that this program alone knows. RSA's padding, the meaning of the
// format JSONEmbedded (written as JSON), what becomes of a profile that is put
// again (a new version of it), and the words of messages are inferred, not
// documented. Profiles of other accounts, permissions and revocation are not
// played.
//
// # Format
//
// The signed object is the JSON object that AWS's sample of a deconstructed
// CreateOTAUpdate describes: rawPayloadSize, signature, signatureAlgorithm, and
// payload in base64 or payloadLocation; its key is the job's prefix and a GUID
// (FreeRTOS documentation). Requests and answers are those of the API model of
// the service.
package signer
