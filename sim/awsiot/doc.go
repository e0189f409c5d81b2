// Package awsiot starts a whole AWS IoT on this machine, for over-the-air
// work without an account: the control planes of AWS IoT, AWS Signer and STS
// behind one HTTP port, an S3 with versions (a real MinIO), an MQTT broker with
// jobs, streams and shadows, and the credentials provider.
//
// # Guarantee
//
// Everything listens on 127.0.0.1 only, with keys and certificates that are
// made at each start. Requests are verified as AWS does it: by the signature
// of their keys, or by a device's certificate. [Cloud.Close] ends everything
// that [Start] began.
//
// # Not guaranteed
//
// There is no IAM: a role is a name, and whoever has the printed keys may do
// everything. What the service does where its documentation is silent is
// guessed at the place where it is done, and said there.
package awsiot
