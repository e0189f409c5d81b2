package source

import "fmt"

const (
	adviceStream = "try again later, or check that the policy of this device's certificate allows the topics of streams"
	adviceJob    = "create stream and job again"
)

// errMayNotAsk is a broker's no to a request, which nobody has seen then.
var errMayNotAsk = &answer{kind: ErrDenied, why: "the broker does not take what this device publishes to the stream's topics", advice: "allow iot:Publish on them in the policy of the device's certificate", final: true}

// rejects is what a code of a stream's rejection means. The list is that of the
// AWS IoT developer guide, "Using AWS IoT MQTT-based file delivery in devices";
// the names for throttling are those of Jobs and of HTTP (an inference).
func rejects(code string) *answer {
	why := fmt.Sprintf("AWS IoT says %s", clip(code))
	switch code {
	case "ResourceNotFound":
		return &answer{kind: ErrNotFound, why: "there is no such stream, or no such file in it", advice: adviceJob, final: true}
	case "Unauthorized":
		return &answer{kind: ErrDenied, why: why, advice: "allow the stream's role to read the object in S3, and this device's policy the stream", final: true}
	case "VersionMismatch":
		return changed("the stream is another version than when it was opened")
	case "ETagMismatch":
		return changed("the object behind the stream was replaced")
	case "BlockSizeOutOfBounds", "OffsetOutOfBounds", "BlockCountLimitExceeded", "BlockBitmapLimitExceeded":
		return &answer{kind: ErrTransport, why: why, advice: "set aws_iot.block_size to another value", final: true}
	case "InvalidTopic", "InvalidJson", "InvalidCbor", "InvalidRequest":
		return &answer{kind: ErrTransport, why: why, advice: "set aws_iot.format to the other value, or " + adviceJob, final: true}
	case "":
		why = "AWS IoT rejects the request and does not say why"
	}
	// InternalError, RequestThrottled, ThrottlingException, or one to come.
	return &answer{kind: ErrTransport, why: why, advice: "try again later"}
}
