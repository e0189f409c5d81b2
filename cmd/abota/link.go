package main

import (
	"context"
	"net"

	"abota/updater/config"
	"abota/updater/mqtt"
	"abota/updater/source"
)

// connectionOf is what the connection to AWS IoT is made by: a change of it
// needs another one.
func connectionOf(cfg *config.Config) config.AWSIoT {
	i := cfg.AWSIoT
	return config.AWSIoT{
		Endpoint: i.Endpoint, Thing: cfg.ThingName(), ClientID: cfg.MQTTClientID(),
		CAFile: i.CAFile, Cert: i.Cert, Key: i.Key, KeepAlive: i.KeepAlive,
	}
}

// connect prepares the connection to AWS IoT, which nothing is sent on before
// it runs. Certificate and key are read for each connection, so that they may
// be replaced where they lie; now they only have to be there.
func (c *command) connect(cfg *config.Config, clientID string) (*mqtt.Link, error) {
	if _, err := c.iotNetwork(cfg); err != nil {
		return nil, err
	}
	link, err := mqtt.New(mqtt.Options{
		Address: cfg.AWSIoT.Endpoint, ClientID: clientID, KeepAlive: cfg.AWSIoT.KeepAlive, Log: c.log,
		Dial: func(ctx context.Context, address string, protocols []string) (net.Conn, error) {
			network, err := c.iotNetwork(cfg)
			if err != nil {
				return nil, err
			}
			return source.NewDialer(network).Dial(ctx, address, protocols)
		},
	})
	if err != nil {
		return nil, &configError{err}
	}
	return link, nil
}

// iotNetwork is how AWS IoT's own servers are reached: with the device's
// certificate, and not through the proxy for releases.
func (c *command) iotNetwork(cfg *config.Config) (source.Network, error) {
	trust, err := source.TLSFiles(cfg.AWSIoT.CAFile, cfg.AWSIoT.Cert, cfg.AWSIoT.Key)
	if err != nil {
		return source.Network{}, &configError{err}
	}
	return source.Network{
		TLS: trust, Now: clock(cfg.StateDir), Timeouts: source.Timeouts(cfg.Timeout), Retry: source.Retry(cfg.Retry), Log: c.log,
	}, nil
}
