package config

// key is one name that a mapping may hold.
type key struct {
	name string
	// field is the destination's field that it sets, or the index in an array;
	// empty: the destination itself.
	field string
	// set takes the value of a scalar or a list.
	set setter
	// list says that set takes a list, which a variable writes as YAML.
	list bool
	// sub are the keys of a nested mapping, instead of set.
	sub []key
	// short is the sub key that a bare scalar stands for, if any.
	short string
	// unknown replaces the advice about names that are not in sub.
	unknown string
}

// root is the configuration as one key.
var root = key{sub: schema}

// schema is every key there is. Variables and command-line settings are
// resolved by walking it, since names hold underscores themselves.
var schema = []key{
	{name: "accesskey", field: "AccessKey", set: scalar(secret)},
	{name: "secretkey", field: "SecretKey", set: scalar(secret)},
	{name: "sessiontoken", field: "SessionToken", set: scalar(secret)},
	{name: "region", field: "Region", set: scalar(word)},
	{name: "bucket", field: "Bucket", set: scalar(bucketName)},
	{name: "endpoint", field: "Endpoint", set: scalar(endpoint)},
	{name: "file_name", field: "FileName", set: scalar(objectName)},
	{name: "checksum_name", field: "ChecksumName", set: scalar(objectName)},
	{name: "key_name", field: "KeyName", set: scalar(objectName)},
	{name: "url", field: "URL", set: scalar(secretAddress)},
	{name: "url_command", list: true, field: "URLCommand", set: program},
	{name: "proxy", field: "Proxy", set: scalar(secretAddress)},
	{name: "tls", field: "TLS", sub: []key{
		{name: "ca_file", field: "CAFile", set: scalar(text)},
		{name: "cert", field: "Cert", set: scalar(text)},
		{name: "key", field: "Key", set: scalar(text)},
	}},
	{name: "min_rate", field: "MinRate", set: scalar(size)},
	{name: "timeout", field: "Timeout", sub: []key{
		{name: "connect", field: "Connect", set: scalar(positiveDuration)},
		{name: "handshake", field: "Handshake", set: scalar(positiveDuration)},
		{name: "header", field: "Header", set: scalar(positiveDuration)},
		{name: "idle", field: "Idle", set: scalar(positiveDuration)},
		{name: "slow", field: "Slow", set: scalar(positiveDuration)},
	}},
	{name: "retry", field: "Retry", sub: []key{
		{name: "open", field: "Open", set: scalar(attempts)},
		{name: "resume", field: "Resume", set: scalar(attempts)},
		{name: "first", field: "First", set: scalar(positiveDuration)},
		{name: "longest", field: "Longest", set: scalar(positiveDuration)},
		{name: "after", field: "After", set: scalar(positiveDuration)},
	}},
	{name: "key_file", field: "KeyFile", set: scalar(text)},
	{name: "device_id", field: "DeviceID", set: scalar(word)},
	{name: "group", field: "Group", set: scalar(word)},
	{name: "state_dir", field: "StateDir", set: scalar(filled)},
	{name: "slots", field: "Slots", unknown: "unknown slot: use a and b", sub: []key{
		slotKey("a", "0"),
		slotKey("b", "1"),
	}},
	{name: "bootloader", field: "Bootloader", sub: bootloaderKeys},
	{name: "tree", field: "Tree", sub: []key{
		{name: "max_entries", field: "MaxEntries", set: scalar(entries)},
		{name: "max_size", field: "MaxSize", set: scalar(size)},
	}},
	{name: "health", field: "Health", sub: []key{
		{name: "deadline", field: "Deadline", set: scalar(positiveDuration)},
		{name: "stable_for", field: "StableFor", set: scalar(anyDuration)},
		{name: "update_path", field: "UpdatePath", set: scalar(boolean)},
		{name: "update_path_deadline", field: "UpdatePathDeadline", set: scalar(positiveDuration)},
		{name: "checks", list: true, field: "Checks", set: list(Check{Timeout: defaultCheckTimeout}, checkKeys)},
	}},
	{name: "watchdog", field: "Watchdog", sub: []key{
		{name: "device", field: "Device", set: scalar(text)},
		{name: "timeout", field: "Timeout", set: scalar(wholeSeconds)},
		{name: "keep", field: "Keep", set: scalar(boolean)},
	}},
	{name: "hooks", field: "Hooks", sub: []key{
		{name: "before_install", list: true, field: "BeforeInstall", set: program},
		{name: "before_reboot", list: true, field: "BeforeReboot", set: program},
		{name: "after_commit", list: true, field: "AfterCommit", set: program},
		{name: "after_rollback", list: true, field: "AfterRollback", set: program},
		{name: "timeout", field: "Timeout", set: scalar(positiveDuration)},
	}},
	{name: "poll", field: "Poll", sub: []key{
		{name: "interval", field: "Interval", set: scalar(positiveDuration)},
		{name: "jitter", field: "Jitter", set: scalar(anyDuration)},
		{name: "window", list: true, field: "Window", set: several(window, `times of the week, as ["Mon-Fri 02:00-04:30"]`)},
		{name: "rate_limit", field: "RateLimit", set: scalar(size)},
		{name: "wave", field: "Wave", set: scalar(anyDuration)},
		{name: "reboot", field: "Reboot", set: scalar(rebootPolicy)},
	}},
	{name: "mode", field: "Mode", set: scalar(oneOf(ModePoll, ModeAWSIoT))},
	{name: "aws_iot", field: "AWSIoT", sub: []key{
		{name: "endpoint", field: "Endpoint", set: scalar(hostPort)},
		{name: "thing", field: "Thing", set: scalar(thingName)},
		{name: "client_id", field: "ClientID", set: scalar(thingName)},
		{name: "ca_file", field: "CAFile", set: scalar(text)},
		{name: "cert", field: "Cert", set: scalar(text)},
		{name: "key", field: "Key", set: scalar(text)},
		{name: "keep_alive", field: "KeepAlive", set: scalar(keepAlive)},
		{name: "certificates", field: "Certificates", set: scalar(absolutePath)},
		{name: "format", field: "Format", set: scalar(oneOf(FormatCBOR, FormatJSON))},
		{name: "block_size", field: "BlockSize", set: scalar(blockSize)},
		{name: "credentials_endpoint", field: "CredentialsEndpoint", set: scalar(hostPort)},
		{name: "role_alias", field: "RoleAlias", set: scalar(roleAlias)},
	}},
	{name: "jobs", field: "Jobs", sub: []key{
		{name: "unknown", field: "Unknown", set: scalar(oneOf(UnknownReject, UnknownLeave))},
	}},
}

var checkKeys = []key{
	{name: "exec", list: true, field: "Exec", set: program},
	{name: "http", field: "HTTP", set: scalar(webAddress)},
	{name: "timeout", field: "Timeout", set: scalar(positiveDuration)},
}
