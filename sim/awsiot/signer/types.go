package signer

// Times are seconds since 1970, with a fraction, as the wire has them.

// Material names the certificate that signs.
type Material struct {
	CertificateARN string `json:"certificateArn"`
}

// Configuration is the algorithms of a signature.
type Configuration struct {
	Encryption string `json:"encryptionAlgorithm,omitempty"` // ECDSA or RSA
	Hash       string `json:"hashAlgorithm,omitempty"`       // SHA256 or SHA1
}

// Overrides is what a profile wants otherwise than its platform.
type Overrides struct {
	Configuration *Configuration `json:"signingConfiguration,omitempty"`
	Format        string         `json:"signingImageFormat,omitempty"` // JSON, JSONEmbedded or JSONDetached
}

// Validity is how long a signature is said to hold.
type Validity struct {
	Value int    `json:"value"`
	Type  string `json:"type"` // DAYS, MONTHS or YEARS
}

// Profile is a signing profile, as it is put and as it is shown.
type Profile struct {
	Name         string            `json:"profileName"`
	Version      string            `json:"profileVersion,omitempty"` // 10 letters and digits
	VersionARN   string            `json:"profileVersionArn,omitempty"`
	ARN          string            `json:"arn,omitempty"`
	Material     *Material         `json:"signingMaterial,omitempty"`
	Validity     *Validity         `json:"signatureValidityPeriod,omitempty"`
	Platform     string            `json:"platformId"`
	PlatformName string            `json:"platformDisplayName,omitempty"`
	Overrides    *Overrides        `json:"overrides,omitempty"`
	Parameters   map[string]string `json:"signingParameters,omitempty"`
	Status       string            `json:"status,omitempty"` // Active or Canceled
	Tags         map[string]string `json:"tags,omitempty"`
}

// S3Object is an object in a bucket, or where one is to go.
type S3Object struct {
	Bucket  string `json:"bucketName"`
	Key     string `json:"key,omitempty"`
	Version string `json:"version,omitempty"`
	Prefix  string `json:"prefix,omitempty"`
}

// Place holds an S3 object, as the API nests it.
type Place struct {
	S3 *S3Object `json:"s3"`
}

// Start is the body of StartSigningJob.
type Start struct {
	Source       *Place `json:"source"`
	Destination  *Place `json:"destination"`
	Profile      string `json:"profileName"`
	Token        string `json:"clientRequestToken"`
	ProfileOwner string `json:"profileOwner"`
}

// Job is a signing job as it is described.
type Job struct {
	ID             string            `json:"jobId"`
	Source         *Place            `json:"source"`
	Material       *Material         `json:"signingMaterial,omitempty"`
	Platform       string            `json:"platformId"`
	PlatformName   string            `json:"platformDisplayName"`
	Profile        string            `json:"profileName"`
	ProfileVersion string            `json:"profileVersion"`
	Overrides      *Overrides        `json:"overrides,omitempty"`
	Parameters     map[string]string `json:"signingParameters,omitempty"`
	CreatedAt      float64           `json:"createdAt"`
	CompletedAt    float64           `json:"completedAt,omitempty"`
	RequestedBy    string            `json:"requestedBy"`
	Status         string            `json:"status"` // InProgress, Failed or Succeeded
	Reason         string            `json:"statusReason,omitempty"`
	Signed         *Place            `json:"signedObject,omitempty"`
	Owner          string            `json:"jobOwner"`
	Invoker        string            `json:"jobInvoker"`
}

// The states of profiles and jobs.
const (
	Active     = "Active"
	Canceled   = "Canceled"
	InProgress = "InProgress"
	Failed     = "Failed"
	Succeeded  = "Succeeded"
)

// Error is a refusal as the service words it: one of the codes of its model,
// and what is wrong.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// The codes of the service's model that are used here.
const (
	codeValidation = "ValidationException"
	codeNotFound   = "ResourceNotFoundException"
)
