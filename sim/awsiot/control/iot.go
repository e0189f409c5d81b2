package control

import "slices"

// iotOperations are those of the control plane of AWS IoT.
func iotOperations() []operation {
	return slices.Concat(jobOperations(), executionOperations(), streamOperations(), thingOperations(), groupOperations(),
		certificateOperations(), policyOperations(), roleOperations(), packageOperations(), tagOperations())
}
