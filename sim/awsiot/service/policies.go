package service

import (
	"encoding/json"
	"net/http"
	"strings"
)

// policy is stored and shown; nothing is enforced by it.
type policy struct {
	name, document string
	targets        map[string]bool // ARNs
}

const maxPolicy = 2048 // bytes, a service quota

// CreatePolicy stores a policy; nothing is enforced by it.
func (s *Service) CreatePolicy(in CreatePolicyInput) (PolicyOutput, error) {
	return do(s, func() (PolicyOutput, error) {
		if err := checkName("policyName", in.PolicyName); err != nil {
			return PolicyOutput{}, err
		}
		arn := s.arn("policy", in.PolicyName)
		if s.policies[in.PolicyName] != nil {
			return PolicyOutput{}, exists(in.PolicyName, arn, "policy %s exists", in.PolicyName)
		}
		if err := checkPolicy(in.PolicyDocument); err != nil {
			return PolicyOutput{}, err
		}
		if err := s.setTags(arn, in.Tags); err != nil {
			return PolicyOutput{}, err
		}
		p := &policy{in.PolicyName, in.PolicyDocument, map[string]bool{}}
		s.policies[p.name] = p
		return PolicyOutput{PolicyName: p.name, PolicyARN: arn, PolicyDocument: p.document, PolicyVersionID: "1"}, nil
	})
}

func checkPolicy(document string) error {
	var shape struct {
		Statement json.RawMessage `json:"Statement"`
	}
	if err := json.Unmarshal([]byte(document), &shape); err != nil || len(shape.Statement) == 0 || len(document) > maxPolicy {
		return &Error{Type: "MalformedPolicyException", Status: http.StatusBadRequest, Message: "policyDocument is not a JSON object of at most 2048 bytes with a Statement"}
	}
	return nil
}

// GetPolicy shows a policy.
func (s *Service) GetPolicy(name string) (PolicyOutput, error) {
	return do(s, func() (PolicyOutput, error) {
		p, err := s.policy(name)
		if err != nil {
			return PolicyOutput{}, err
		}
		return PolicyOutput{PolicyName: name, PolicyARN: s.arn("policy", name), PolicyDocument: p.document, DefaultVersionID: "1"}, nil
	})
}

func (s *Service) policy(name string) (*policy, error) {
	if p := s.policies[name]; p != nil {
		return p, nil
	}
	return nil, notFound("policy %s does not exist", show(name))
}

// DeletePolicy removes a policy that nothing has.
func (s *Service) DeletePolicy(name string) error {
	return s.change(func() error {
		p, err := s.policy(name)
		if err != nil {
			return err
		}
		if len(p.targets) > 0 {
			return inUse("policy %s is attached: detach it first", name)
		}
		delete(s.policies, name)
		delete(s.tags, s.arn("policy", name))
		return nil
	})
}

func inUse(format string, args ...any) *Error {
	e := invalid(format, args...)
	e.Type, e.Status = "DeleteConflictException", http.StatusConflict
	return e
}

// AttachPolicy attaches a policy to a certificate or group, by ARN.
func (s *Service) AttachPolicy(name, target string) error { return s.attach(name, target, true) }

// DetachPolicy detaches it.
func (s *Service) DetachPolicy(name, target string) error { return s.attach(name, target, false) }

func (s *Service) attach(name, target string, on bool) error {
	return s.change(func() error {
		p, err := s.policy(name)
		if err != nil {
			return err
		}
		c, err := s.policyTarget(target)
		if err != nil {
			return err
		}
		set(p.targets, target, on)
		if c != nil {
			set(c.policies, name, on)
		}
		return nil
	})
}

func set(m map[string]bool, key string, on bool) {
	if on {
		m[key] = true
		return
	}
	delete(m, key)
}

// policyTarget is the certificate of an ARN, or none for an existing group's.
func (s *Service) policyTarget(arn string) (*certificate, error) {
	if name, ok := strings.CutPrefix(arn, s.arn("thinggroup", "")); ok {
		_, err := s.group(name)
		return nil, err
	}
	return s.principal(arn)
}

// ListAttachedPolicies lists what is attached to a target, without documents.
func (s *Service) ListAttachedPolicies(target string) ([]PolicyOutput, error) {
	return do(s, func() ([]PolicyOutput, error) {
		if _, err := s.policyTarget(target); err != nil {
			return nil, err
		}
		out := []PolicyOutput{}
		for _, name := range sortedKeys(s.policies) {
			if s.policies[name].targets[target] {
				out = append(out, PolicyOutput{PolicyName: name, PolicyARN: s.arn("policy", name)})
			}
		}
		return out, nil
	})
}
