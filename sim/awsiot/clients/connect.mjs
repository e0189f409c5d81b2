// Connections of aws-iot-device-sdk-v2, a C library: over MQTT 5 and 3.1.1
// without TLS, and over MQTT 5 with the device's certificate. Each is its
// clients of jobs and shadows, and what ends it.

import sdk from "aws-iot-device-sdk-v2";
import { once } from "node:events";
import { cloud } from "./check.mjs";

const { io, iot, iotjobs, iotshadow, mqtt, mqtt5 } = sdk;
const options = { maxRequestResponseSubscriptions: 8, maxStreamingSubscriptions: 4, operationTimeoutInSeconds: 60 };
const split = (address) => [address.slice(0, address.lastIndexOf(":")), Number(address.slice(address.lastIndexOf(":") + 1))];

async function fromMqtt5(config) {
  const client = new mqtt5.Mqtt5Client(config);
  const up = once(client, "connectionSuccess");
  client.start();
  await up;
  const jobs = iotjobs.IotJobsClientv2.newFromMqtt5(client, options);
  const shadows = iotshadow.IotShadowClientv2.newFromMqtt5(client, options);
  return { jobs, shadows, close: async () => {
    jobs.close();
    shadows.close();
    const down = once(client, "stopped");
    client.stop();
    await down;
    client.close();
  } };
}

export function plain5(id) {
  const [hostName, port] = split(cloud.mqtt);
  return fromMqtt5({ hostName, port, connectProperties: { clientId: id, keepAliveIntervalSeconds: 30 } });
}

export function tls5(id) {
  const [host, port] = split(cloud.mqtts);
  const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(host, cloud.device.certificate, cloud.device.key);
  builder.withPort(port).withCertificateAuthorityFromPath(undefined, cloud.ca);
  builder.withConnectProperties({ clientId: id, keepAliveIntervalSeconds: 30 });
  return fromMqtt5(builder.build());
}

export async function plain311(id) {
  const [host_name, port] = split(cloud.mqtt);
  const connection = new mqtt.MqttClient().new_connection({
    client_id: id, host_name, port, clean_session: true, keep_alive: 30, socket_options: new io.SocketOptions(), use_websocket: false,
  });
  await connection.connect();
  const jobs = iotjobs.IotJobsClientv2.newFromMqtt311(connection, options);
  return { jobs, close: async () => {
    jobs.close();
    await connection.disconnect();
  } };
}
