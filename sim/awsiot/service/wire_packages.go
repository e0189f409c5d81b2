package service

// CreatePackageInput asks for a package. PackageName is in the path.
type CreatePackageInput struct {
	PackageName string            `json:"-"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// CreatePackageOutput names the package.
type CreatePackageOutput struct {
	PackageName string `json:"packageName"`
	PackageARN  string `json:"packageArn"`
	Description string `json:"description,omitempty"`
}

// GetPackageOutput is a package.
type GetPackageOutput struct {
	PackageName        string    `json:"packageName"`
	PackageARN         string    `json:"packageArn"`
	Description        string    `json:"description,omitempty"`
	DefaultVersionName string    `json:"defaultVersionName,omitempty"`
	CreationDate       Timestamp `json:"creationDate,omitzero"`
	LastModifiedDate   Timestamp `json:"lastModifiedDate,omitzero"`
}

// UpdatePackageInput changes a package. PackageName is in the path.
type UpdatePackageInput struct {
	PackageName         string  `json:"-"`
	Description         *string `json:"description,omitempty"`
	DefaultVersionName  string  `json:"defaultVersionName,omitempty"`
	UnsetDefaultVersion bool    `json:"unsetDefaultVersion,omitempty"`
}

// PackageSummary is a package in a list.
type PackageSummary struct {
	PackageName        string    `json:"packageName"`
	DefaultVersionName string    `json:"defaultVersionName,omitempty"`
	CreationDate       Timestamp `json:"creationDate,omitzero"`
	LastModifiedDate   Timestamp `json:"lastModifiedDate,omitzero"`
}

// ListPackagesOutput is a page of packages.
type ListPackagesOutput struct {
	PackageSummaries []PackageSummary `json:"packageSummaries"`
	NextToken        string           `json:"nextToken,omitempty"`
}

// PackageVersionArtifact is where a version's artifact lies.
type PackageVersionArtifact struct {
	S3Location *S3Location `json:"s3Location,omitempty"`
}

// CreatePackageVersionInput asks for a version. Names are in the path.
type CreatePackageVersionInput struct {
	PackageName string                  `json:"-"`
	VersionName string                  `json:"-"`
	Description string                  `json:"description,omitempty"`
	Attributes  map[string]string       `json:"attributes,omitempty"`
	Artifact    *PackageVersionArtifact `json:"artifact,omitempty"`
	Recipe      string                  `json:"recipe,omitempty"`
	Tags        map[string]string       `json:"tags,omitempty"`
}

// PackageVersion is a version, as Create and Get answer it.
type PackageVersion struct {
	PackageVersionARN string                  `json:"packageVersionArn"`
	PackageName       string                  `json:"packageName"`
	VersionName       string                  `json:"versionName"`
	Description       string                  `json:"description,omitempty"`
	Attributes        map[string]string       `json:"attributes,omitempty"`
	Artifact          *PackageVersionArtifact `json:"artifact,omitempty"`
	// Status is DRAFT, PUBLISHED or DEPRECATED.
	Status           string    `json:"status"`
	ErrorReason      string    `json:"errorReason,omitempty"`
	Recipe           string    `json:"recipe,omitempty"`
	CreationDate     Timestamp `json:"creationDate,omitzero"`
	LastModifiedDate Timestamp `json:"lastModifiedDate,omitzero"`
}

// UpdatePackageVersionInput changes a version. Names are in the path.
type UpdatePackageVersionInput struct {
	PackageName string                  `json:"-"`
	VersionName string                  `json:"-"`
	Description *string                 `json:"description,omitempty"`
	Attributes  map[string]string       `json:"attributes,omitempty"`
	Artifact    *PackageVersionArtifact `json:"artifact,omitempty"`
	// Action is PUBLISH or DEPRECATE, or empty.
	Action string  `json:"action,omitempty"`
	Recipe *string `json:"recipe,omitempty"`
}

// ListPackageVersionsInput asks for a package's versions.
type ListPackageVersionsInput struct {
	Page
	PackageName string `json:"-"`
	Status      string `json:"-"`
}

// PackageVersionSummary is a version in a list.
type PackageVersionSummary struct {
	PackageName      string    `json:"packageName"`
	VersionName      string    `json:"versionName"`
	Status           string    `json:"status"`
	CreationDate     Timestamp `json:"creationDate,omitzero"`
	LastModifiedDate Timestamp `json:"lastModifiedDate,omitzero"`
}

// ListPackageVersionsOutput is a page of versions.
type ListPackageVersionsOutput struct {
	PackageVersionSummaries []PackageVersionSummary `json:"packageVersionSummaries"`
	NextToken               string                  `json:"nextToken,omitempty"`
}

// VersionUpdateByJobs has jobs update the shadow $package.
type VersionUpdateByJobs struct {
	Enabled bool   `json:"enabled"`
	RoleARN string `json:"roleArn,omitempty"`
}

// PackageConfiguration is what Get and UpdatePackageConfiguration speak of.
type PackageConfiguration struct {
	VersionUpdateByJobsConfig *VersionUpdateByJobs `json:"versionUpdateByJobsConfig,omitempty"`
}
