// What the clients share: the cloud's settings, assertions that are counted,
// and waiting for what must come.

import assert from "node:assert/strict";
import { IoTClient } from "@aws-sdk/client-iot";

/** What `abota-sim up --aws --json` prints, and what the test adds. */
export const cloud = JSON.parse(process.env.CLOUD);

/** The control plane, by Amazon's client. */
export const control = new IoTClient({
  endpoint: cloud.control,
  region: cloud.region,
  credentials: { accessKeyId: cloud.accesskey, secretAccessKey: cloud.secretkey },
  maxAttempts: 1, // a refusal is what it is, and is not tried again
});

let checks = 0;

export function equal(got, want, what) {
  checks++;
  assert.deepStrictEqual(got, want, what && `${what}: got ${show(got)}, want ${show(want)}`);
}

export function ok(holds, what) {
  checks++;
  assert.ok(holds, what);
}

export const show = (value) => JSON.stringify(value, (_, v) => (Buffer.isBuffer(v) ? v.toString("hex") : v));

/** The error of what must be refused, when it is of a type (a class). */
export async function refused(promise, type, status, what) {
  checks++;
  const error = await promise.then((got) => assert.fail(`${what} was taken: ${show(got)}`), (e) => e);
  if (error instanceof assert.AssertionError) throw error;
  assert.ok(error instanceof type, `${what}: got ${error.name} (${error.message}), want ${type.name}`);
  assert.equal(error.$metadata.httpStatusCode, status, `${what}: the status of ${error.name}`);
  return error;
}

export const group = (name) => `arn:aws:iot:${cloud.region}:${cloud.account}:thinggroup/${name}`;
export const thing = (name) => `arn:aws:iot:${cloud.region}:${cloud.account}:thing/${name}`;
export const role = `arn:aws:iam::${cloud.account}:role/OTARole`;

/** A moment in minutes from now, as schedules have it. */
export const minutes = (n) => new Date(Date.now() + n * 60_000).toISOString().slice(0, 16);

/** Messages in the order in which they came; take waits for the next. */
export class Inbox {
  #came = [];
  #waits = [];

  put(message) {
    const next = this.#waits.shift();
    if (next) next(message);
    else this.#came.push(message);
  }

  take(what, patience = 60_000) {
    if (this.#came.length) return Promise.resolve(this.#came.shift());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`in vain waited for ${what}`)), patience);
      this.#waits.push((message) => (clearTimeout(timer), resolve(message)));
    });
  }

  /** What nobody has taken. */
  get rest() {
    return this.#came;
  }
}

/** Runs a script: every part in order, then how many assertions held. */
export async function run(name, parts) {
  const guard = setTimeout(() => {
    console.error(`${name}: does not end`);
    process.exit(1);
  }, 240_000);
  for (const [title, part] of parts) {
    const before = checks;
    try {
      await part();
    } catch (error) {
      console.error(`${name}: ${title}: ${error.stack ?? error}`, show(error.modeledError) ?? "");
      process.exit(1);
    }
    console.log(`${name}: ${title}: ${checks - before} checks`);
  }
  clearTimeout(guard);
  console.log(`${name}: all ${checks} checks hold`);
  process.exit(0); // native clients keep a process alive
}
