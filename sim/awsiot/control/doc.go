// Package control is the HTTP side of the emulated AWS IoT: one port for the
// control plane of AWS IoT, AWS Signer, STS, the data planes of jobs and
// things, and S3, told apart by the service that a request is signed for.
//
//	client ── signature ── service ── table of operations ── model
//	                    └─ s3 ── MinIO, which verifies the signature itself
//
// # Guarantee
//
// A request does something only when its Signature Version 4 holds: it is made
// again from the request as it came, with the secret of the access key, by the
// AWS SDK's own signer, and compared. Methods, paths, query parameters, status
// codes and bodies are those of the services' API models; an operation that is
// not served is an UnknownOperationException that names it. What has a type
// that the model does not have is refused before anything is done.
//
// The data planes are served to devices too, by mutual TLS instead of a
// signature: a device's certificate opens the things that it is attached to.
//
// The emulator's own time is seen and moved at [ClockPath].
//
// # Not guaranteed
//
// Every key may do everything: there are no IAM policies. A signature is for
// the region that the emulator says it is. Messages are the emulator's own.
//
// # Format
//
// REST-JSON as botocore's models of iot, signer, iot-jobs-data and iot-data
// describe it, and the query protocol of STS. Errors are a status, the header
// X-Amzn-ErrorType, and a body with a message; times are seconds since 1970.
package control
