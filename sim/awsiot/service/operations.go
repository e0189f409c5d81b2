package service

import "net/http"

// unbuilt is replaced as the model grows.
func unbuilt(operation string) *Error {
	return &Error{Type: "InternalFailureException", Status: http.StatusInternalServerError, Code: "InternalError", Message: operation + " is not part of the emulator yet"}
}

// CreateThing makes a thing; one that exists with the same settings is answered as made.
func (s *Service) CreateThing(in CreateThingInput) (CreateThingOutput, error) {
	return CreateThingOutput{}, unbuilt("CreateThing")
}

// UpdateThing changes a thing's attributes.
func (s *Service) UpdateThing(in UpdateThingInput) error {
	return unbuilt("UpdateThing")
}

// DescribeThing shows a thing.
func (s *Service) DescribeThing(name string) (DescribeThingOutput, error) {
	return DescribeThingOutput{}, unbuilt("DescribeThing")
}

// DeleteThing removes a thing, from its groups and jobs too.
func (s *Service) DeleteThing(name string) error {
	return unbuilt("DeleteThing")
}

// ListThings lists things by name.
func (s *Service) ListThings(page Page) (ListThingsOutput, error) {
	return ListThingsOutput{}, unbuilt("ListThings")
}

// CreateThingGroup makes a static group.
func (s *Service) CreateThingGroup(in CreateThingGroupInput) (CreateThingGroupOutput, error) {
	return CreateThingGroupOutput{}, unbuilt("CreateThingGroup")
}

// DescribeThingGroup shows a group.
func (s *Service) DescribeThingGroup(name string) (DescribeThingGroupOutput, error) {
	return DescribeThingGroupOutput{}, unbuilt("DescribeThingGroup")
}

// DeleteThingGroup removes a group without groups below it.
func (s *Service) DeleteThingGroup(name string) error {
	return unbuilt("DeleteThingGroup")
}

// ListThingGroups lists groups by name.
func (s *Service) ListThingGroups(page Page) (ListThingGroupsOutput, error) {
	return ListThingGroupsOutput{}, unbuilt("ListThingGroups")
}

// AddThingToThingGroup adds a thing to a group, and so to its continuous jobs.
func (s *Service) AddThingToThingGroup(in GroupMemberInput) error {
	return unbuilt("AddThingToThingGroup")
}

// RemoveThingFromThingGroup removes a thing from a group, and so from its continuous jobs.
func (s *Service) RemoveThingFromThingGroup(in GroupMemberInput) error {
	return unbuilt("RemoveThingFromThingGroup")
}

// ListThingsInThingGroup lists a group's things by name.
func (s *Service) ListThingsInThingGroup(in ListThingsInThingGroupInput) (ListThingsInThingGroupOutput, error) {
	return ListThingsInThingGroupOutput{}, unbuilt("ListThingsInThingGroup")
}

// ListThingGroupsForThing lists the groups that a thing is directly in.
func (s *Service) ListThingGroupsForThing(thing string, page Page) (ListThingGroupsOutput, error) {
	return ListThingGroupsOutput{}, unbuilt("ListThingGroupsForThing")
}

// CreateKeysAndCertificate makes a key and a certificate of the service's authority.
func (s *Service) CreateKeysAndCertificate(setAsActive bool) (CreateKeysAndCertificateOutput, error) {
	return CreateKeysAndCertificateOutput{}, unbuilt("CreateKeysAndCertificate")
}

// DescribeCertificate shows a certificate.
func (s *Service) DescribeCertificate(id string) (DescribeCertificateOutput, error) {
	return DescribeCertificateOutput{}, unbuilt("DescribeCertificate")
}

// UpdateCertificate sets a certificate's status, ACTIVE, INACTIVE or REVOKED.
func (s *Service) UpdateCertificate(id, status string) error {
	return unbuilt("UpdateCertificate")
}

// DeleteCertificate removes a certificate that is not active.
func (s *Service) DeleteCertificate(id string, force bool) error {
	return unbuilt("DeleteCertificate")
}

// AttachThingPrincipal binds a certificate, by its ARN, to a thing.
func (s *Service) AttachThingPrincipal(thing, principal string) error {
	return unbuilt("AttachThingPrincipal")
}

// DetachThingPrincipal unbinds them.
func (s *Service) DetachThingPrincipal(thing, principal string) error {
	return unbuilt("DetachThingPrincipal")
}

// ListThingPrincipals lists the certificates of a thing, as ARNs.
func (s *Service) ListThingPrincipals(thing string) ([]string, error) {
	return nil, unbuilt("ListThingPrincipals")
}

// ListPrincipalThings lists the things of a certificate.
func (s *Service) ListPrincipalThings(principal string) ([]string, error) {
	return nil, unbuilt("ListPrincipalThings")
}

// CreatePolicy stores a policy; nothing is enforced by it.
func (s *Service) CreatePolicy(in CreatePolicyInput) (PolicyOutput, error) {
	return PolicyOutput{}, unbuilt("CreatePolicy")
}

// GetPolicy shows a policy.
func (s *Service) GetPolicy(name string) (PolicyOutput, error) {
	return PolicyOutput{}, unbuilt("GetPolicy")
}

// DeletePolicy removes a policy that nothing has.
func (s *Service) DeletePolicy(name string) error {
	return unbuilt("DeletePolicy")
}

// AttachPolicy attaches a policy to a certificate or group, by ARN.
func (s *Service) AttachPolicy(name, target string) error {
	return unbuilt("AttachPolicy")
}

// DetachPolicy detaches it.
func (s *Service) DetachPolicy(name, target string) error {
	return unbuilt("DetachPolicy")
}

// ListAttachedPolicies lists what is attached to a target, without documents.
func (s *Service) ListAttachedPolicies(target string) ([]PolicyOutput, error) {
	return nil, unbuilt("ListAttachedPolicies")
}

// DescribeEndpoint answers where a service is reached.
func (s *Service) DescribeEndpoint(endpointType string) (DescribeEndpointOutput, error) {
	return DescribeEndpointOutput{}, unbuilt("DescribeEndpoint")
}

// TagResource adds tags.
func (s *Service) TagResource(in TagResourceInput) error {
	return unbuilt("TagResource")
}

// UntagResource removes tags.
func (s *Service) UntagResource(in UntagResourceInput) error {
	return unbuilt("UntagResource")
}

// ListTagsForResource shows tags.
func (s *Service) ListTagsForResource(arn string) (ListTagsOutput, error) {
	return ListTagsOutput{}, unbuilt("ListTagsForResource")
}

// CreateJob makes a job and begins its rollout unless it is scheduled.
func (s *Service) CreateJob(in CreateJobInput) (JobRef, error) {
	return JobRef{}, unbuilt("CreateJob")
}

// DescribeJob shows a job.
func (s *Service) DescribeJob(jobID string) (DescribeJobOutput, error) {
	return DescribeJobOutput{}, unbuilt("DescribeJob")
}

// ListJobs lists jobs, the newest first.
func (s *Service) ListJobs(in ListJobsInput) (ListJobsOutput, error) {
	return ListJobsOutput{}, unbuilt("ListJobs")
}

// UpdateJob changes a job that has not ended.
func (s *Service) UpdateJob(in UpdateJobInput) error {
	return unbuilt("UpdateJob")
}

// CancelJob cancels a job: what is queued and, by force, in progress.
func (s *Service) CancelJob(in CancelJobInput) (JobRef, error) {
	return JobRef{}, unbuilt("CancelJob")
}

// DeleteJob removes a job with its executions.
func (s *Service) DeleteJob(in DeleteJobInput) error {
	return unbuilt("DeleteJob")
}

// GetJobDocument shows a job's document.
func (s *Service) GetJobDocument(jobID string, beforeSubstitution bool) (GetJobDocumentOutput, error) {
	return GetJobDocumentOutput{}, unbuilt("GetJobDocument")
}

// AssociateTargetsWithJob adds targets to a continuous job.
func (s *Service) AssociateTargetsWithJob(in AssociateTargetsInput) (JobRef, error) {
	return JobRef{}, unbuilt("AssociateTargetsWithJob")
}

// ListJobExecutionsForJob lists a job's executions.
func (s *Service) ListJobExecutionsForJob(in ListJobExecutionsForJobInput) (ListJobExecutionsForJobOutput, error) {
	return ListJobExecutionsForJobOutput{}, unbuilt("ListJobExecutionsForJob")
}

// ListJobExecutionsForThing lists a thing's executions.
func (s *Service) ListJobExecutionsForThing(in ListJobExecutionsForThingInput) (ListJobExecutionsForThingOutput, error) {
	return ListJobExecutionsForThingOutput{}, unbuilt("ListJobExecutionsForThing")
}

// DescribeJobExecution shows an execution to the control plane.
func (s *Service) DescribeJobExecution(in DescribeExecutionInput) (DescribeExecutionOutput, error) {
	return DescribeExecutionOutput{}, unbuilt("DescribeJobExecution")
}

// CancelJobExecution cancels one execution.
func (s *Service) CancelJobExecution(in CancelExecutionInput) error {
	return unbuilt("CancelJobExecution")
}

// DeleteJobExecution removes one execution.
func (s *Service) DeleteJobExecution(in DeleteExecutionInput) error {
	return unbuilt("DeleteJobExecution")
}

// GetPendingJobExecutions tells a device what is pending.
func (s *Service) GetPendingJobExecutions(in GetPendingInput) (GetPendingOutput, error) {
	return GetPendingOutput{}, unbuilt("GetPendingJobExecutions")
}

// StartNextPendingJobExecution starts a device's next execution, or answers the one it has in progress.
func (s *Service) StartNextPendingJobExecution(in StartNextInput) (ExecutionOutput, error) {
	return ExecutionOutput{}, unbuilt("StartNextPendingJobExecution")
}

// DescribeDeviceJobExecution shows an execution to its device.
func (s *Service) DescribeDeviceJobExecution(in DescribeInput) (ExecutionOutput, error) {
	return ExecutionOutput{}, unbuilt("DescribeDeviceJobExecution")
}

// UpdateJobExecution takes a device's report.
func (s *Service) UpdateJobExecution(in UpdateInput) (UpdateOutput, error) {
	return UpdateOutput{}, unbuilt("UpdateJobExecution")
}

// CreatePackage makes a package.
func (s *Service) CreatePackage(in CreatePackageInput) (CreatePackageOutput, error) {
	return CreatePackageOutput{}, unbuilt("CreatePackage")
}

// GetPackage shows a package.
func (s *Service) GetPackage(name string) (GetPackageOutput, error) {
	return GetPackageOutput{}, unbuilt("GetPackage")
}

// UpdatePackage changes a package.
func (s *Service) UpdatePackage(in UpdatePackageInput) error {
	return unbuilt("UpdatePackage")
}

// DeletePackage removes a package without versions.
func (s *Service) DeletePackage(name string) error {
	return unbuilt("DeletePackage")
}

// ListPackages lists packages by name.
func (s *Service) ListPackages(page Page) (ListPackagesOutput, error) {
	return ListPackagesOutput{}, unbuilt("ListPackages")
}

// CreatePackageVersion makes a version, a draft.
func (s *Service) CreatePackageVersion(in CreatePackageVersionInput) (PackageVersion, error) {
	return PackageVersion{}, unbuilt("CreatePackageVersion")
}

// GetPackageVersion shows a version.
func (s *Service) GetPackageVersion(packageName, version string) (PackageVersion, error) {
	return PackageVersion{}, unbuilt("GetPackageVersion")
}

// UpdatePackageVersion changes, publishes or deprecates a version.
func (s *Service) UpdatePackageVersion(in UpdatePackageVersionInput) error {
	return unbuilt("UpdatePackageVersion")
}

// DeletePackageVersion removes a version.
func (s *Service) DeletePackageVersion(packageName, version string) error {
	return unbuilt("DeletePackageVersion")
}

// ListPackageVersions lists versions by name.
func (s *Service) ListPackageVersions(in ListPackageVersionsInput) (ListPackageVersionsOutput, error) {
	return ListPackageVersionsOutput{}, unbuilt("ListPackageVersions")
}

// GetPackageConfiguration shows whether jobs update the shadow $package.
func (s *Service) GetPackageConfiguration() (PackageConfiguration, error) {
	return PackageConfiguration{}, unbuilt("GetPackageConfiguration")
}

// UpdatePackageConfiguration sets it.
func (s *Service) UpdatePackageConfiguration(in PackageConfiguration) error {
	return unbuilt("UpdatePackageConfiguration")
}

// CreateStream records a stream at version 1.
func (s *Service) CreateStream(in StreamInput) (StreamOutput, error) {
	return StreamOutput{}, unbuilt("CreateStream")
}

// UpdateStream changes a stream, one version up.
func (s *Service) UpdateStream(in StreamInput) (StreamOutput, error) {
	return StreamOutput{}, unbuilt("UpdateStream")
}

// DescribeStream shows a stream.
func (s *Service) DescribeStream(id string) (DescribeStreamOutput, error) {
	return DescribeStreamOutput{}, unbuilt("DescribeStream")
}

// DeleteStream removes a stream.
func (s *Service) DeleteStream(id string) error {
	return unbuilt("DeleteStream")
}

// ListStreams lists streams by age.
func (s *Service) ListStreams(in ListStreamsInput) (ListStreamsOutput, error) {
	return ListStreamsOutput{}, unbuilt("ListStreams")
}

// GetThingShadow is a shadow's document; an empty name is the classic one.
func (s *Service) GetThingShadow(thing, name string) ([]byte, error) {
	return nil, unbuilt("GetThingShadow")
}

// UpdateThingShadow merges into a shadow and answers what was accepted, which is announced too, as are delta and documents: a broker adds only rejections.
func (s *Service) UpdateThingShadow(thing, name string, body []byte) ([]byte, error) {
	return nil, unbuilt("UpdateThingShadow")
}

// DeleteThingShadow removes a shadow and answers its version, which is announced as accepted too.
func (s *Service) DeleteThingShadow(thing, name string) ([]byte, error) {
	return nil, unbuilt("DeleteThingShadow")
}

// ListNamedShadows lists the names of a thing's shadows.
func (s *Service) ListNamedShadows(thing string) ([]string, error) {
	return nil, unbuilt("ListNamedShadows")
}
