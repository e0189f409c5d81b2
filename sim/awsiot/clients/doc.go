// Package clients holds the emulated AWS IoT against clients that are not
// abota's: what they understand, a device may rely on. It has tests only.
//
//	aws-iot-device-sdk-v2   jobs over MQTT 5 and 3.1.1, and over TLS      jobs.mjs
//	@aws-sdk/client-iot     jobs, groups, packages, streams over HTTP     control.mjs
//	both of these           retries, links, the shadow $package           together.mjs
//	mqtt with cbor-x        files by streams, as JSON and CBOR            stream.mjs
//	boto3                   a job as AWS's sample makes it                testdata/aws-iot
//	AWS CLI                 the same, call by call
//
// # Guarantee
//
// Every client asserts what it sees, and one that is not here is said to be
// skipped, with what to install. What is installed from npm is pinned with all
// that it needs by package-lock.json, is kept in the user's cache, and runs no
// scripts when it is installed. Jobs that boto3 and the AWS CLI made are taken
// to their end by abota itself, from its binary, over TLS.
//
// # Not guaranteed
//
// That AWS does what the clients accept: they show that the emulator speaks
// their language, not that it says what AWS says.
package clients
