package service

// AttributePayload is a thing's or a group's attributes.
type AttributePayload struct {
	Attributes map[string]string `json:"attributes,omitempty"`
	Merge      bool              `json:"merge,omitempty"`
}

// CreateThingInput asks for a thing. ThingName is in the path.
type CreateThingInput struct {
	ThingName        string            `json:"-"`
	ThingTypeName    string            `json:"thingTypeName,omitempty"`
	AttributePayload *AttributePayload `json:"attributePayload,omitempty"`
	BillingGroupName string            `json:"billingGroupName,omitempty"`
}

// CreateThingOutput names the thing.
type CreateThingOutput struct {
	ThingName string `json:"thingName"`
	ThingARN  string `json:"thingArn"`
	ThingID   string `json:"thingId"`
}

// UpdateThingInput changes a thing's attributes. ThingName is in the path.
type UpdateThingInput struct {
	ThingName        string            `json:"-"`
	AttributePayload *AttributePayload `json:"attributePayload,omitempty"`
	ExpectedVersion  *int64            `json:"expectedVersion,omitempty"`
}

// DescribeThingOutput is a thing.
type DescribeThingOutput struct {
	DefaultClientID string            `json:"defaultClientId"`
	ThingName       string            `json:"thingName"`
	ThingID         string            `json:"thingId"`
	ThingARN        string            `json:"thingArn"`
	ThingTypeName   string            `json:"thingTypeName,omitempty"`
	Attributes      map[string]string `json:"attributes"`
	Version         int64             `json:"version"`
}

// ThingAttribute is a thing in a list.
type ThingAttribute struct {
	ThingName     string            `json:"thingName"`
	ThingTypeName string            `json:"thingTypeName,omitempty"`
	ThingARN      string            `json:"thingArn"`
	Attributes    map[string]string `json:"attributes"`
	Version       int64             `json:"version"`
}

// ListThingsOutput is a page of things.
type ListThingsOutput struct {
	Things    []ThingAttribute `json:"things"`
	NextToken string           `json:"nextToken,omitempty"`
}

// ThingGroupProperties describe a group.
type ThingGroupProperties struct {
	ThingGroupDescription string            `json:"thingGroupDescription,omitempty"`
	AttributePayload      *AttributePayload `json:"attributePayload,omitempty"`
}

// CreateThingGroupInput asks for a static group. ThingGroupName is in the path.
type CreateThingGroupInput struct {
	ThingGroupName       string                `json:"-"`
	ParentGroupName      string                `json:"parentGroupName,omitempty"`
	ThingGroupProperties *ThingGroupProperties `json:"thingGroupProperties,omitempty"`
	Tags                 []Tag                 `json:"tags,omitempty"`
}

// CreateThingGroupOutput names the group.
type CreateThingGroupOutput struct {
	ThingGroupName string `json:"thingGroupName"`
	ThingGroupARN  string `json:"thingGroupArn"`
	ThingGroupID   string `json:"thingGroupId"`
}

// GroupNameAndARN names a group.
type GroupNameAndARN struct {
	GroupName string `json:"groupName"`
	GroupARN  string `json:"groupArn"`
}

// ThingGroupMetadata is where a group stands; its ancestors from the root down.
type ThingGroupMetadata struct {
	ParentGroupName         string            `json:"parentGroupName,omitempty"`
	RootToParentThingGroups []GroupNameAndARN `json:"rootToParentThingGroups,omitempty"`
	CreationDate            Timestamp         `json:"creationDate,omitzero"`
}

// DescribeThingGroupOutput is a group.
type DescribeThingGroupOutput struct {
	ThingGroupName       string                `json:"thingGroupName"`
	ThingGroupID         string                `json:"thingGroupId"`
	ThingGroupARN        string                `json:"thingGroupArn"`
	Version              int64                 `json:"version"`
	ThingGroupProperties *ThingGroupProperties `json:"thingGroupProperties,omitempty"`
	ThingGroupMetadata   ThingGroupMetadata    `json:"thingGroupMetadata"`
}

// GroupMemberInput adds a thing to a group or removes it, each by name or ARN.
type GroupMemberInput struct {
	ThingGroupName        string `json:"thingGroupName,omitempty"`
	ThingGroupARN         string `json:"thingGroupArn,omitempty"`
	ThingName             string `json:"thingName,omitempty"`
	ThingARN              string `json:"thingArn,omitempty"`
	OverrideDynamicGroups bool   `json:"overrideDynamicGroups,omitempty"`
}

// ListThingsInThingGroupInput asks for a group's things; Recursive, in the
// query, for those of the groups below it too.
type ListThingsInThingGroupInput struct {
	Page
	ThingGroupName string `json:"-"`
	Recursive      bool   `json:"-"`
}

// ListThingsInThingGroupOutput is a page of names.
type ListThingsInThingGroupOutput struct {
	Things    []string `json:"things"`
	NextToken string   `json:"nextToken,omitempty"`
}

// ListThingGroupsOutput is a page of groups.
type ListThingGroupsOutput struct {
	ThingGroups []GroupNameAndARN `json:"thingGroups"`
	NextToken   string            `json:"nextToken,omitempty"`
}

// KeyPair is a pair in PEM; the service keeps no private key.
type KeyPair struct {
	PublicKey  string `json:"PublicKey"`
	PrivateKey string `json:"PrivateKey"`
}

// CreateKeysAndCertificateOutput is a new certificate with its key.
type CreateKeysAndCertificateOutput struct {
	CertificateARN string  `json:"certificateArn"`
	CertificateID  string  `json:"certificateId"`
	CertificatePEM string  `json:"certificatePem"`
	KeyPair        KeyPair `json:"keyPair"`
}

// CertificateDescription is a certificate.
type CertificateDescription struct {
	CertificateARN   string    `json:"certificateArn"`
	CertificateID    string    `json:"certificateId"`
	Status           string    `json:"status"`
	CertificatePEM   string    `json:"certificatePem,omitempty"`
	CreationDate     Timestamp `json:"creationDate,omitzero"`
	LastModifiedDate Timestamp `json:"lastModifiedDate,omitzero"`
}

// DescribeCertificateOutput is a certificate.
type DescribeCertificateOutput struct {
	CertificateDescription CertificateDescription `json:"certificateDescription"`
}

// CreatePolicyInput stores a policy. PolicyName is in the path.
type CreatePolicyInput struct {
	PolicyName     string `json:"-"`
	PolicyDocument string `json:"policyDocument"`
	Tags           []Tag  `json:"tags,omitempty"`
}

// PolicyOutput is a policy.
type PolicyOutput struct {
	PolicyName       string `json:"policyName"`
	PolicyARN        string `json:"policyArn"`
	PolicyDocument   string `json:"policyDocument"`
	PolicyVersionID  string `json:"policyVersionId,omitempty"`
	DefaultVersionID string `json:"defaultVersionId,omitempty"`
}

// DescribeEndpointOutput is an address.
type DescribeEndpointOutput struct {
	EndpointAddress string `json:"endpointAddress"`
}

// ListTagsOutput is a resource's tags.
type ListTagsOutput struct {
	Tags      []Tag  `json:"tags"`
	NextToken string `json:"nextToken,omitempty"`
}

// TagResourceInput adds tags.
type TagResourceInput struct {
	ResourceARN string `json:"resourceArn"`
	Tags        []Tag  `json:"tags"`
}

// UntagResourceInput removes tags.
type UntagResourceInput struct {
	ResourceARN string   `json:"resourceArn"`
	TagKeys     []string `json:"tagKeys"`
}
