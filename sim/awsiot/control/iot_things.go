package control

import "abota/sim/awsiot/service"

func thingOperations() []operation {
	return []operation{
		{"CreateThing", "POST", "/things/{thingName}", with(func(s *Server, c *call, in service.CreateThingInput) (any, error) {
			in.ThingName = c.path("thingName")
			return s.Service.CreateThing(in)
		})},
		{"UpdateThing", "PATCH", "/things/{thingName}", with(func(s *Server, c *call, in service.UpdateThingInput) (any, error) {
			in.ThingName = c.path("thingName")
			return done(s.Service.UpdateThing(in))
		})},
		{"DescribeThing", "GET", "/things/{thingName}", func(s *Server, c *call) (any, error) {
			return s.Service.DescribeThing(c.path("thingName"))
		}},
		{"DeleteThing", "DELETE", "/things/{thingName}", func(s *Server, c *call) (any, error) {
			return done(s.Service.DeleteThing(c.path("thingName")))
		}},
		{"ListThings", "GET", "/things", func(s *Server, c *call) (any, error) {
			return s.Service.ListThings(c.page())
		}},
		{"DescribeEndpoint", "GET", "/endpoint", func(s *Server, c *call) (any, error) {
			return s.Service.DescribeEndpoint(c.text("endpointType"))
		}},
	}
}

func groupOperations() []operation {
	return []operation{
		{"AddThingToThingGroup", "PUT", "/thing-groups/addThingToThingGroup", with(func(s *Server, _ *call, in service.GroupMemberInput) (any, error) {
			return done(s.Service.AddThingToThingGroup(in))
		})},
		{"RemoveThingFromThingGroup", "PUT", "/thing-groups/removeThingFromThingGroup", with(func(s *Server, _ *call, in service.GroupMemberInput) (any, error) {
			return done(s.Service.RemoveThingFromThingGroup(in))
		})},
		{"CreateThingGroup", "POST", "/thing-groups/{thingGroupName}", with(func(s *Server, c *call, in service.CreateThingGroupInput) (any, error) {
			in.ThingGroupName = c.path("thingGroupName")
			return s.Service.CreateThingGroup(in)
		})},
		{"DescribeThingGroup", "GET", "/thing-groups/{thingGroupName}", func(s *Server, c *call) (any, error) {
			return s.Service.DescribeThingGroup(c.path("thingGroupName"))
		}},
		{"DeleteThingGroup", "DELETE", "/thing-groups/{thingGroupName}", func(s *Server, c *call) (any, error) {
			return done(s.Service.DeleteThingGroup(c.path("thingGroupName")))
		}},
		{"ListThingGroups", "GET", "/thing-groups", func(s *Server, c *call) (any, error) {
			return s.Service.ListThingGroups(c.page())
		}},
		{"ListThingsInThingGroup", "GET", "/thing-groups/{thingGroupName}/things", func(s *Server, c *call) (any, error) {
			return s.Service.ListThingsInThingGroup(service.ListThingsInThingGroupInput{
				Page: c.page(), ThingGroupName: c.path("thingGroupName"), Recursive: c.flag("recursive"),
			})
		}},
		{"ListThingGroupsForThing", "GET", "/things/{thingName}/thing-groups", func(s *Server, c *call) (any, error) {
			return s.Service.ListThingGroupsForThing(c.path("thingName"), c.page())
		}},
	}
}

func tagOperations() []operation {
	return []operation{
		{"TagResource", "POST", "/tags", with(func(s *Server, _ *call, in service.TagResourceInput) (any, error) {
			return done(s.Service.TagResource(in))
		})},
		{"UntagResource", "POST", "/untag", with(func(s *Server, _ *call, in service.UntagResourceInput) (any, error) {
			return done(s.Service.UntagResource(in))
		})},
		{"ListTagsForResource", "GET", "/tags", func(s *Server, c *call) (any, error) {
			return s.Service.ListTagsForResource(c.text("resourceArn"))
		}},
	}
}
