package control

import (
	"slices"

	"abota/sim/awsiot/roles"
	"abota/sim/awsiot/service"
)

// principal is the header that names a certificate, by its ARN.
func (c *call) principal() string { return c.request.Header.Get("X-Amzn-Principal") }

func certificateOperations() []operation {
	return []operation{
		{"CreateKeysAndCertificate", "POST", "/keys-and-certificate", func(s *Server, c *call) (any, error) {
			return s.Service.CreateKeysAndCertificate(c.flag("setAsActive"))
		}},
		{"DescribeCertificate", "GET", "/certificates/{certificateId}", func(s *Server, c *call) (any, error) {
			return s.Service.DescribeCertificate(c.path("certificateId"))
		}},
		{"UpdateCertificate", "PUT", "/certificates/{certificateId}", func(s *Server, c *call) (any, error) {
			return done(s.Service.UpdateCertificate(c.path("certificateId"), c.text("newStatus")))
		}},
		{"DeleteCertificate", "DELETE", "/certificates/{certificateId}", func(s *Server, c *call) (any, error) {
			return done(s.Service.DeleteCertificate(c.path("certificateId"), c.flag("forceDelete")))
		}},
		{"AttachThingPrincipal", "PUT", "/things/{thingName}/principals", func(s *Server, c *call) (any, error) {
			return done(s.Service.AttachThingPrincipal(c.path("thingName"), c.principal()))
		}},
		{"DetachThingPrincipal", "DELETE", "/things/{thingName}/principals", func(s *Server, c *call) (any, error) {
			return done(s.Service.DetachThingPrincipal(c.path("thingName"), c.principal()))
		}},
		{"ListThingPrincipals", "GET", "/things/{thingName}/principals", func(s *Server, c *call) (any, error) {
			list, err := s.Service.ListThingPrincipals(c.path("thingName"))
			return map[string][]string{"principals": append([]string{}, list...)}, err
		}},
		{"ListPrincipalThings", "GET", "/principals/things", func(s *Server, c *call) (any, error) {
			list, err := s.Service.ListPrincipalThings(c.principal())
			return map[string][]string{"things": append([]string{}, list...)}, err
		}},
	}
}

// target is the body of two operations.
type target struct {
	Target string `json:"target"`
}

func policyOperations() []operation {
	return []operation{
		{"CreatePolicy", "POST", "/policies/{policyName}", with(func(s *Server, c *call, in service.CreatePolicyInput) (any, error) {
			in.PolicyName = c.path("policyName")
			return s.Service.CreatePolicy(in)
		})},
		{"GetPolicy", "GET", "/policies/{policyName}", func(s *Server, c *call) (any, error) {
			return s.Service.GetPolicy(c.path("policyName"))
		}},
		{"DeletePolicy", "DELETE", "/policies/{policyName}", func(s *Server, c *call) (any, error) {
			return done(s.Service.DeletePolicy(c.path("policyName")))
		}},
		{"AttachPolicy", "PUT", "/target-policies/{policyName}", with(func(s *Server, c *call, in target) (any, error) {
			return done(s.Service.AttachPolicy(c.path("policyName"), in.Target))
		})},
		{"DetachPolicy", "POST", "/target-policies/{policyName}", with(func(s *Server, c *call, in target) (any, error) {
			return done(s.Service.DetachPolicy(c.path("policyName"), in.Target))
		})},
		{"ListAttachedPolicies", "POST", "/attached-policies/{target}", func(s *Server, c *call) (any, error) {
			list, err := s.Service.ListAttachedPolicies(c.path("target"))
			return map[string][]service.PolicyOutput{"policies": append([]service.PolicyOutput{}, list...)}, err
		}},
	}
}

func roleOperations() []operation {
	return []operation{
		{"CreateRoleAlias", "POST", "/role-aliases/{roleAlias}", with(func(s *Server, c *call, in roles.Input) (any, error) {
			in.Alias = c.path("roleAlias")
			return s.Roles.Create(in)
		})},
		{"UpdateRoleAlias", "PUT", "/role-aliases/{roleAlias}", with(func(s *Server, c *call, in roles.Input) (any, error) {
			in.Alias = c.path("roleAlias")
			return s.Roles.Update(in)
		})},
		{"DescribeRoleAlias", "GET", "/role-aliases/{roleAlias}", func(s *Server, c *call) (any, error) {
			a, err := s.Roles.Describe(c.path("roleAlias"))
			return map[string]roles.Alias{"roleAliasDescription": a}, err
		}},
		{"DeleteRoleAlias", "DELETE", "/role-aliases/{roleAlias}", func(s *Server, c *call) (any, error) {
			return done(s.Roles.Delete(c.path("roleAlias")))
		}},
		{"ListRoleAliases", "GET", "/role-aliases", listRoles},
	}
}

// listRoles pages by the last name of the page before.
func listRoles(s *Server, c *call) (any, error) {
	names := s.Roles.List()
	if c.flag("isAscendingOrder") || !c.query.Has("isAscendingOrder") {
		names = slices.DeleteFunc(names, func(n string) bool { return n <= c.text("marker") })
	} else {
		slices.Reverse(names)
		names = slices.DeleteFunc(names, func(n string) bool { return c.text("marker") != "" && n >= c.text("marker") })
	}
	const most = 250
	size := min(int64(most), int64(len(names)))
	if n := c.number("pageSize"); n > 0 && n < size {
		size = n
	}
	out := map[string]any{"roleAliases": names[:size]}
	if size < int64(len(names)) {
		out["nextMarker"] = names[size-1]
	}
	return out, nil
}
