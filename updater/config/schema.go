package config

// key is one name that a mapping may hold, for a destination of type T.
type key[T any] struct {
	name string
	// set takes the value of a scalar or a list.
	set setter[T]
	// list says that set takes a list, which a variable writes as YAML.
	list bool
	// sub are the keys of a nested mapping, instead of set.
	sub []key[T]
	// short is the sub key that a bare scalar stands for, if any.
	short string
	// unknown replaces the advice about names that are not in sub.
	unknown string
}

// schema is every key there is. Variables and command-line settings are
// resolved by walking it, since names hold underscores themselves.
var schema = []key[Config]{
	{name: "accesskey", set: scalar(func(c *Config) *Secret { return &c.AccessKey }, secret)},
	{name: "secretkey", set: scalar(func(c *Config) *Secret { return &c.SecretKey }, secret)},
	{name: "sessiontoken", set: scalar(func(c *Config) *Secret { return &c.SessionToken }, secret)},
	{name: "region", set: scalar(func(c *Config) *string { return &c.Region }, word)},
	{name: "bucket", set: scalar(func(c *Config) *string { return &c.Bucket }, bucketName)},
	{name: "endpoint", set: scalar(func(c *Config) *string { return &c.Endpoint }, endpoint)},
	{name: "file_name", set: scalar(func(c *Config) *string { return &c.FileName }, objectName)},
	{name: "checksum_name", set: scalar(func(c *Config) *string { return &c.ChecksumName }, objectName)},
	{name: "key_name", set: scalar(func(c *Config) *string { return &c.KeyName }, objectName)},
	{name: "url", set: scalar(func(c *Config) *Secret { return &c.URL }, secretAddress)},
	{name: "url_command", list: true, set: program(func(c *Config) *[]string { return &c.URLCommand })},
	{name: "proxy", set: scalar(func(c *Config) *Secret { return &c.Proxy }, secretAddress)},
	{name: "tls", sub: []key[Config]{
		{name: "ca_file", set: scalar(func(c *Config) *string { return &c.TLS.CAFile }, text)},
		{name: "cert", set: scalar(func(c *Config) *string { return &c.TLS.Cert }, text)},
		{name: "key", set: scalar(func(c *Config) *string { return &c.TLS.Key }, text)},
	}},
	{name: "min_rate", set: scalar(func(c *Config) *int64 { return &c.MinRate }, size)},
	{name: "timeout", sub: []key[Config]{
		{name: "connect", set: scalar(func(c *Config) *duration { return &c.Timeout.Connect }, positiveDuration)},
		{name: "handshake", set: scalar(func(c *Config) *duration { return &c.Timeout.Handshake }, positiveDuration)},
		{name: "header", set: scalar(func(c *Config) *duration { return &c.Timeout.Header }, positiveDuration)},
		{name: "idle", set: scalar(func(c *Config) *duration { return &c.Timeout.Idle }, positiveDuration)},
		{name: "slow", set: scalar(func(c *Config) *duration { return &c.Timeout.Slow }, positiveDuration)},
	}},
	{name: "retry", sub: []key[Config]{
		{name: "open", set: scalar(func(c *Config) *int { return &c.Retry.Open }, attempts)},
		{name: "resume", set: scalar(func(c *Config) *int { return &c.Retry.Resume }, attempts)},
		{name: "first", set: scalar(func(c *Config) *duration { return &c.Retry.First }, positiveDuration)},
		{name: "longest", set: scalar(func(c *Config) *duration { return &c.Retry.Longest }, positiveDuration)},
		{name: "after", set: scalar(func(c *Config) *duration { return &c.Retry.After }, positiveDuration)},
	}},
	{name: "key_file", set: scalar(func(c *Config) *string { return &c.KeyFile }, text)},
	{name: "device_id", set: scalar(func(c *Config) *string { return &c.DeviceID }, word)},
	{name: "group", set: scalar(func(c *Config) *string { return &c.Group }, word)},
	{name: "state_dir", set: scalar(func(c *Config) *string { return &c.StateDir }, filled)},
	{name: "slots", unknown: "unknown slot: use a and b", sub: []key[Config]{
		slotKey("a", 0),
		slotKey("b", 1),
	}},
	{name: "bootloader", sub: bootloaderKeys},
	{name: "tree", sub: []key[Config]{
		{name: "max_entries", set: scalar(func(c *Config) *int { return &c.Tree.MaxEntries }, entries)},
		{name: "max_size", set: scalar(func(c *Config) *int64 { return &c.Tree.MaxSize }, size)},
	}},
	{name: "health", sub: []key[Config]{
		{name: "deadline", set: scalar(func(c *Config) *duration { return &c.Health.Deadline }, positiveDuration)},
		{name: "stable_for", set: scalar(func(c *Config) *duration { return &c.Health.StableFor }, anyDuration)},
		{name: "update_path", set: scalar(func(c *Config) *bool { return &c.Health.UpdatePath }, boolean)},
		{name: "update_path_deadline", set: scalar(func(c *Config) *duration { return &c.Health.UpdatePathDeadline }, positiveDuration)},
		{name: "checks", list: true, set: list(func(c *Config) *[]Check { return &c.Health.Checks }, Check{Timeout: defaultCheckTimeout}, checkKeys)},
	}},
	{name: "watchdog", sub: []key[Config]{
		{name: "device", set: scalar(func(c *Config) *string { return &c.Watchdog.Device }, text)},
		{name: "timeout", set: scalar(func(c *Config) *duration { return &c.Watchdog.Timeout }, wholeSeconds)},
		{name: "keep", set: scalar(func(c *Config) *bool { return &c.Watchdog.Keep }, boolean)},
	}},
	{name: "hooks", sub: []key[Config]{
		{name: "before_install", list: true, set: program(func(c *Config) *[]string { return &c.Hooks.BeforeInstall })},
		{name: "before_reboot", list: true, set: program(func(c *Config) *[]string { return &c.Hooks.BeforeReboot })},
		{name: "after_commit", list: true, set: program(func(c *Config) *[]string { return &c.Hooks.AfterCommit })},
		{name: "after_rollback", list: true, set: program(func(c *Config) *[]string { return &c.Hooks.AfterRollback })},
		{name: "timeout", set: scalar(func(c *Config) *duration { return &c.Hooks.Timeout }, positiveDuration)},
	}},
	{name: "poll", sub: []key[Config]{
		{name: "interval", set: scalar(func(c *Config) *duration { return &c.Poll.Interval }, positiveDuration)},
		{name: "jitter", set: scalar(func(c *Config) *duration { return &c.Poll.Jitter }, anyDuration)},
		{name: "window", list: true, set: several(func(c *Config) *[]Window { return &c.Poll.Window }, window, `times of the week, as ["Mon-Fri 02:00-04:30"]`)},
		{name: "rate_limit", set: scalar(func(c *Config) *int64 { return &c.Poll.RateLimit }, size)},
		{name: "wave", set: scalar(func(c *Config) *duration { return &c.Poll.Wave }, anyDuration)},
		{name: "reboot", set: scalar(func(c *Config) *string { return &c.Poll.Reboot }, rebootPolicy)},
	}},
	{name: "mode", set: scalar(func(c *Config) *string { return &c.Mode }, oneOf(ModePoll, ModeAWSIoT))},
	{name: "aws_iot", sub: []key[Config]{
		{name: "endpoint", set: scalar(func(c *Config) *string { return &c.AWSIoT.Endpoint }, hostPort)},
		{name: "thing", set: scalar(func(c *Config) *string { return &c.AWSIoT.Thing }, thingName)},
		{name: "client_id", set: scalar(func(c *Config) *string { return &c.AWSIoT.ClientID }, thingName)},
		{name: "ca_file", set: scalar(func(c *Config) *string { return &c.AWSIoT.CAFile }, text)},
		{name: "cert", set: scalar(func(c *Config) *string { return &c.AWSIoT.Cert }, text)},
		{name: "key", set: scalar(func(c *Config) *string { return &c.AWSIoT.Key }, text)},
		{name: "keep_alive", set: scalar(func(c *Config) *duration { return &c.AWSIoT.KeepAlive }, keepAlive)},
		{name: "certificates", set: scalar(func(c *Config) *string { return &c.AWSIoT.Certificates }, absolutePath)},
		{name: "format", set: scalar(func(c *Config) *string { return &c.AWSIoT.Format }, oneOf(FormatCBOR, FormatJSON))},
		{name: "block_size", set: scalar(func(c *Config) *int64 { return &c.AWSIoT.BlockSize }, blockSize)},
		{name: "credentials_endpoint", set: scalar(func(c *Config) *string { return &c.AWSIoT.CredentialsEndpoint }, hostPort)},
		{name: "role_alias", set: scalar(func(c *Config) *string { return &c.AWSIoT.RoleAlias }, roleAlias)},
	}},
	{name: "jobs", sub: []key[Config]{
		{name: "unknown", set: scalar(func(c *Config) *string { return &c.Jobs.Unknown }, oneOf(UnknownReject, UnknownLeave))},
	}},
}

var checkKeys = []key[Check]{
	{name: "exec", list: true, set: program(func(c *Check) *[]string { return &c.Exec })},
	{name: "http", set: scalar(func(c *Check) *string { return &c.HTTP }, webAddress)},
	{name: "timeout", set: scalar(func(c *Check) *duration { return &c.Timeout }, positiveDuration)},
}
