// A stream client of its own: npm's mqtt for the messages and cbor-x for CBOR,
// over MQTT 5 and 3.1.1.

import { createHash } from "node:crypto";
import { decode, Encoder } from "cbor-x";
import mqtt from "mqtt";
import { CreateStreamCommand, DeleteStreamCommand, UpdateStreamCommand } from "@aws-sdk/client-iot";
import { cloud, control, equal, Inbox, ok, role, run, show } from "./check.mjs";

// Maps as maps, and byte strings as such: what a device in C sends.
const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

const formats = {
  json: { write: (v) => JSON.stringify(v), read: (p) => JSON.parse(p), data: (p) => Buffer.from(p, "base64"), broken: "InvalidJson" },
  cbor: { write: (v) => encoder.encode(v), read: (p) => decode(p), data: (p) => p, broken: "InvalidCbor" },
};

class Streams {
  constructor(client, stream, format) {
    Object.assign(this, { client, format, ...formats[format], base: `$aws/things/${cloud.device.thing}/streams/${stream}/`, inbox: new Inbox() });
    client.on("message", (topic, payload) => {
      const kind = topic.slice(this.base.length).split("/");
      if (topic.startsWith(this.base) && kind[1] === format) this.inbox.put({ kind: kind[0], payload });
    });
  }

  async open() {
    const topics = ["description", "data", "rejected"].map((kind) => `${this.base}${kind}/${this.format}`);
    const granted = await this.client.subscribeAsync(topics, { qos: 1 });
    equal(granted.map((g) => g.qos <= 1), [true, true, true], "subscribed");
  }

  send(verb, payload) {
    return this.client.publishAsync(`${this.base}${verb}/${this.format}`, payload, { qos: 1 });
  }

  async answer(want) {
    const { kind, payload } = await this.inbox.take(`${want} in ${this.format}`);
    const message = this.read(payload);
    equal(kind, want, show(message));
    return message;
  }

  async describe(request) {
    await this.send("describe", this.write(request));
    return this.answer("description");
  }

  /** So many blocks of one request. */
  async blocks(request, count) {
    await this.send("get", this.write(request));
    const got = [];
    while (got.length < count) got.push(await this.answer("data"));
    for (const b of got) equal([b.c, b.f], [request.c, request.f], "token and file are the request's");
    return got.map((b) => ({ index: b.i, size: b.l, data: this.data(b.p) }));
  }

  async rejected(request, code, echoed = true) {
    const token = echoed ? request.c : undefined;
    await this.send("get", this.write(request));
    const said = await this.answer("rejected");
    equal([said.o, said.code, said.c, said.clientToken], [code, code, token, token], `refused: ${show(request)}`);
    ok(said.m.length > 0 && said.m === said.message, "the message, by both its names");
    return said;
  }
}

const { size, sha256 } = cloud.file;
const hash = (data) => createHash("sha256").update(data).digest("hex");

async function whole(s, block) {
  const per = Math.floor(131072 / block), count = Math.ceil(size / block), file = Buffer.alloc(size);
  for (let o = 0; o < count; o += per) {
    const n = Math.min(per, count - o);
    const got = await s.blocks({ c: `from ${o}`, s: 1, f: 0, l: block, o, n }, n);
    equal(got.map((b) => b.index).sort((a, b) => a - b), Array.from({ length: n }, (_, i) => o + i), "each block once");
    for (const b of got) {
      equal([b.size, b.data.length], Array(2).fill(Math.min(block, size - b.index * block)), `the size of block ${b.index}`);
      b.data.copy(file, b.index * block);
    }
  }
  equal(hash(file), sha256, `SHA-256 of the file in blocks of ${block}`);
  return file;
}

async function bitmaps(s, file) {
  // Blocks 20, 21, 24 and 43, the documentation's own example.
  const spellings = s.format === "json" ? ["EwCA", "0x130080", [0x13, 0x00, 0x80]] : [Buffer.from("130080", "hex")];
  for (const b of spellings) {
    const got = await s.blocks({ c: "bits", s: 1, f: 0, l: 4096, o: 20, n: 24, b }, 4);
    equal(got.map((x) => x.index), [20, 21, 24, 43], `blocks of ${show(b)}`);
    for (const x of got) ok(x.data.equals(file.subarray(x.index * 4096, x.index * 4096 + x.size)), `block ${x.index}`);
  }
  // Amazon's C library sends the same four bytes with every request, and n 1.
  const same = s.format === "json" ? "MQ==" : Buffer.from("MQ==");
  for (const o of [0, 7, Math.ceil(size / 4096) - 1]) {
    const [x] = await s.blocks({ c: "rdy", f: 0, l: 4096, o, b: same, n: 1 }, 1);
    equal([x.index, hash(x.data)], [o, hash(file.subarray(o * 4096, o * 4096 + 4096))], "the one block");
  }
}

async function refusals(s) {
  const request = { c: "t", s: 1, f: 0, l: 4096, o: 0, n: 1 };
  for (const [change, code] of [
    [{ l: 255 }, "BlockSizeOutOfBounds"], [{ l: 131073 }, "BlockSizeOutOfBounds"], [{ o: 98305 }, "OffsetOutOfBounds"], [{ n: 98305 }, "BlockCountLimitExceeded"],
    [{ f: 9 }, "ResourceNotFound"], [{ s: 7 }, "VersionMismatch"],
  ]) await s.rejected({ ...request, ...change }, code);
  const said = await s.rejected({ ...request, o: 90000 }, "InvalidRequest");
  equal(said.m, "The data requested is out of the range of data available.", "the text that was seen of AWS");
  await s.rejected({ ...request, c: "x".repeat(65) }, "InvalidRequest", false);
  const large = Buffer.alloc(12288);
  await s.rejected({ ...request, b: s.format === "json" ? large.toString("base64") : large }, "BlockBitmapLimitExceeded");
  if (s.format === "cbor") await s.rejected({ ...request, b: "EwCA" }, "InvalidCbor", false);
  await s.send("get", Buffer.from("{"));
  equal((await s.answer("rejected")).o, s.broken, "no request at all");
}

async function story(version) {
  const streamId = `npm-${version}`, { bucket, key, version: object } = cloud.file;
  const files = [{ fileId: 0, s3Location: { bucket, key, version: object } }];
  await control.send(new CreateStreamCommand({ streamId, description: "by npm", files, roleArn: role }));
  const client = await mqtt.connectAsync(`mqtt://${cloud.mqtt}`, { clientId: streamId, protocolVersion: version, reconnectPeriod: 0 });
  for (const format of Object.keys(formats)) {
    const s = new Streams(client, streamId, format);
    await s.open();
    equal(await s.describe({ c: "d" }), { c: "d", s: 1, d: "by npm", r: [{ f: 0, z: size }] }, "the description");
    const file = await whole(s, 4096);
    await whole(s, format === "json" ? 65536 : 131072);
    await bitmaps(s, file);
    await refusals(s);
    equal(s.inbox.rest, [], "nothing else came");
  }
  // A new version of the stream, and its end.
  const s = new Streams(client, streamId, "cbor");
  await control.send(new UpdateStreamCommand({ streamId, files }));
  equal((await s.describe({})).s, 2, "the version after an update");
  await s.rejected({ c: "old", s: 1, f: 0, l: 4096, o: 0, n: 1 }, "VersionMismatch");
  await control.send(new DeleteStreamCommand({ streamId }));
  await s.rejected({ c: "gone", f: 0, l: 4096, o: 0, n: 1 }, "ResourceNotFound");
  await client.endAsync();
}

await run("mqtt and cbor-x", [
  ["MQTT 3.1.1", () => story(4)],
  ["MQTT 5", () => story(5)],
]);
