package control

import (
	"strconv"

	"abota/sim/awsiot/service"
)

func jobOperations() []operation {
	return []operation{
		{"CreateJob", "PUT", "/jobs/{jobId}", with(func(s *Server, c *call, in service.CreateJobInput) (any, error) {
			in.JobID = c.path("jobId")
			return s.Service.CreateJob(in)
		})},
		{"DescribeJob", "GET", "/jobs/{jobId}", func(s *Server, c *call) (any, error) {
			return s.Service.DescribeJob(c.path("jobId"))
		}},
		{"ListJobs", "GET", "/jobs", func(s *Server, c *call) (any, error) {
			return s.Service.ListJobs(service.ListJobsInput{
				Page: c.page(), Status: c.text("status"), TargetSelection: c.text("targetSelection"),
				ThingGroupName: c.text("thingGroupName"), ThingGroupID: c.text("thingGroupId"), NamespaceID: c.text("namespaceId"),
			})
		}},
		{"UpdateJob", "PATCH", "/jobs/{jobId}", with(func(s *Server, c *call, in service.UpdateJobInput) (any, error) {
			in.JobID, in.NamespaceID = c.path("jobId"), c.text("namespaceId")
			return done(s.Service.UpdateJob(in))
		})},
		{"CancelJob", "PUT", "/jobs/{jobId}/cancel", with(func(s *Server, c *call, in service.CancelJobInput) (any, error) {
			in.JobID, in.Force = c.path("jobId"), c.flag("force")
			return s.Service.CancelJob(in)
		})},
		{"DeleteJob", "DELETE", "/jobs/{jobId}", func(s *Server, c *call) (any, error) {
			return done(s.Service.DeleteJob(service.DeleteJobInput{JobID: c.path("jobId"), Force: c.flag("force"), NamespaceID: c.text("namespaceId")}))
		}},
		{"GetJobDocument", "GET", "/jobs/{jobId}/job-document", func(s *Server, c *call) (any, error) {
			return s.Service.GetJobDocument(c.path("jobId"), c.flag("beforeSubstitution"))
		}},
		{"AssociateTargetsWithJob", "POST", "/jobs/{jobId}/targets", with(func(s *Server, c *call, in service.AssociateTargetsInput) (any, error) {
			in.JobID, in.NamespaceID = c.path("jobId"), c.text("namespaceId")
			return s.Service.AssociateTargetsWithJob(in)
		})},
	}
}

func executionOperations() []operation {
	return []operation{
		{"ListJobExecutionsForJob", "GET", "/jobs/{jobId}/things", func(s *Server, c *call) (any, error) {
			return s.Service.ListJobExecutionsForJob(service.ListJobExecutionsForJobInput{
				Page: c.page(), JobID: c.path("jobId"), Status: c.text("status"),
			})
		}},
		{"ListJobExecutionsForThing", "GET", "/things/{thingName}/jobs", func(s *Server, c *call) (any, error) {
			return s.Service.ListJobExecutionsForThing(service.ListJobExecutionsForThingInput{
				Page: c.page(), ThingName: c.path("thingName"), Status: c.text("status"), NamespaceID: c.text("namespaceId"), JobID: c.text("jobId"),
			})
		}},
		{"DescribeJobExecution", "GET", "/things/{thingName}/jobs/{jobId}", func(s *Server, c *call) (any, error) {
			return s.Service.DescribeJobExecution(service.DescribeExecutionInput{
				ThingName: c.path("thingName"), JobID: c.path("jobId"), ExecutionNumber: c.number("executionNumber"),
			})
		}},
		{"CancelJobExecution", "PUT", "/things/{thingName}/jobs/{jobId}/cancel", with(func(s *Server, c *call, in service.CancelExecutionInput) (any, error) {
			in.ThingName, in.JobID, in.Force = c.path("thingName"), c.path("jobId"), c.flag("force")
			return done(s.Service.CancelJobExecution(in))
		})},
		{"DeleteJobExecution", "DELETE", "/things/{thingName}/jobs/{jobId}/executionNumber/{executionNumber}", deleteExecution},
	}
}

func deleteExecution(s *Server, c *call) (any, error) {
	number, err := strconv.ParseInt(c.path("executionNumber"), 10, 64)
	if err != nil {
		return nil, refuse("InvalidRequestException", "the execution number %q is no whole number", c.path("executionNumber"))
	}
	return done(s.Service.DeleteJobExecution(service.DeleteExecutionInput{
		ThingName: c.path("thingName"), JobID: c.path("jobId"), ExecutionNumber: number,
		Force: c.flag("force"), NamespaceID: c.text("namespaceId"),
	}))
}

func streamOperations() []operation {
	return []operation{
		{"CreateStream", "POST", "/streams/{streamId}", with(func(s *Server, c *call, in service.StreamInput) (any, error) {
			in.StreamID = c.path("streamId")
			return s.Service.CreateStream(in)
		})},
		{"UpdateStream", "PUT", "/streams/{streamId}", with(func(s *Server, c *call, in service.StreamInput) (any, error) {
			in.StreamID = c.path("streamId")
			return s.Service.UpdateStream(in)
		})},
		{"DescribeStream", "GET", "/streams/{streamId}", func(s *Server, c *call) (any, error) {
			return s.Service.DescribeStream(c.path("streamId"))
		}},
		{"DeleteStream", "DELETE", "/streams/{streamId}", func(s *Server, c *call) (any, error) {
			return done(s.Service.DeleteStream(c.path("streamId")))
		}},
		{"ListStreams", "GET", "/streams", func(s *Server, c *call) (any, error) {
			return s.Service.ListStreams(service.ListStreamsInput{Page: c.page(), IsAscendingOrder: c.flag("isAscendingOrder")})
		}},
	}
}
