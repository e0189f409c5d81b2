package control

import "abota/sim/awsiot/service"

func packageOperations() []operation {
	return []operation{
		{"CreatePackage", "PUT", "/packages/{packageName}", with(func(s *Server, c *call, in service.CreatePackageInput) (any, error) {
			in.PackageName = c.path("packageName")
			return s.Service.CreatePackage(in)
		})},
		{"GetPackage", "GET", "/packages/{packageName}", func(s *Server, c *call) (any, error) {
			return s.Service.GetPackage(c.path("packageName"))
		}},
		{"UpdatePackage", "PATCH", "/packages/{packageName}", with(func(s *Server, c *call, in service.UpdatePackageInput) (any, error) {
			in.PackageName = c.path("packageName")
			return done(s.Service.UpdatePackage(in))
		})},
		{"DeletePackage", "DELETE", "/packages/{packageName}", func(s *Server, c *call) (any, error) {
			return done(s.Service.DeletePackage(c.path("packageName")))
		}},
		{"ListPackages", "GET", "/packages", func(s *Server, c *call) (any, error) {
			return s.Service.ListPackages(c.page())
		}},
		{"CreatePackageVersion", "PUT", "/packages/{packageName}/versions/{versionName}", with(func(s *Server, c *call, in service.CreatePackageVersionInput) (any, error) {
			in.PackageName, in.VersionName = c.path("packageName"), c.path("versionName")
			return s.Service.CreatePackageVersion(in)
		})},
		{"GetPackageVersion", "GET", "/packages/{packageName}/versions/{versionName}", func(s *Server, c *call) (any, error) {
			return s.Service.GetPackageVersion(c.path("packageName"), c.path("versionName"))
		}},
		{"UpdatePackageVersion", "PATCH", "/packages/{packageName}/versions/{versionName}", with(func(s *Server, c *call, in service.UpdatePackageVersionInput) (any, error) {
			in.PackageName, in.VersionName = c.path("packageName"), c.path("versionName")
			return done(s.Service.UpdatePackageVersion(in))
		})},
		{"DeletePackageVersion", "DELETE", "/packages/{packageName}/versions/{versionName}", func(s *Server, c *call) (any, error) {
			return done(s.Service.DeletePackageVersion(c.path("packageName"), c.path("versionName")))
		}},
		{"ListPackageVersions", "GET", "/packages/{packageName}/versions", func(s *Server, c *call) (any, error) {
			return s.Service.ListPackageVersions(service.ListPackageVersionsInput{Page: c.page(), PackageName: c.path("packageName"), Status: c.text("status")})
		}},
		{"GetPackageConfiguration", "GET", "/package-configuration", func(s *Server, _ *call) (any, error) {
			return s.Service.GetPackageConfiguration()
		}},
		{"UpdatePackageConfiguration", "PATCH", "/package-configuration", with(func(s *Server, _ *call, in service.PackageConfiguration) (any, error) {
			return done(s.Service.UpdatePackageConfiguration(in))
		})},
	}
}
