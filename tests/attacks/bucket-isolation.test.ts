/**
 * Two tenants with a bucket each, and a third who has a key, credentials of its own and everything that goes over the wire. It tries to read,
 * write, list, copy and delete what is not its own: by paths that mean two things, by names, by addresses that were signed for something
 * else, have expired or were changed, by keys that were revoked, and by what the server behind would believe.
 */
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll } from "vitest";
import { sign } from "../../platform/files/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { codeOf, type FilesGround, keyId, makeFilesGround } from "../files/ground.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

const victims: readonly DatabaseId[] = ["acme.shop.orders", "lab.research.papers"];
const attacker: DatabaseId = "evil.shop.orders";
const [owner, mallory, gone] = [keyId("OWNER"), keyId("MALLORY"), keyId("GONE")];
const secretText = "the victim's own words";
const victimKey = "deep/secret.txt";
/** How long a key that was revoked may go on: docs/files.md. */
const revokedWithinMs = 15_000;

let ground: FilesGround;
let own = "";
const labels = new Map<DatabaseId, string>();

beforeAll(async () => {
  ground = await makeFilesGround({ remembers: true });
  for (const id of victims) {
    ground.rights.set(`${owner} ${id}`, "write");
    const label = ground.declare(id, "assets");
    labels.set(id, label);
    const body = { Bucket: label, Key: victimKey, Body: secretText };
    await ground.client(owner, label).send(new PutObjectCommand(body));
  }
  own = ground.declare(attacker, "assets", { public: true, website: { index: "index.html", error: "lost.html" } });
  ground.rights.set(`${mallory} ${attacker}`, "write");
  await ground.client(mallory, own).send(new PutObjectCommand({ Bucket: own, Key: "mine", Body: "mine" }));
}, 120_000);
afterAll(() => ground?.close());

/** What came of a try, as text that may hold what it should not. */
type Try = {
  readonly name: string;
  readonly run: (label: string, n: number, id: DatabaseId) => Promise<string>;
};

/** Written to the socket as it is: clients of ours would tidy the path up. */
const raw = (head: string, host = "127.0.0.1", more: Readonly<Record<string, string>> = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const headers = { host: `${host}:${ground.port}`, connection: "close", "content-length": "0", ...more };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(ground.port, "127.0.0.1", () => socket.write(`${head} HTTP/1.1\r\n${lines.join("")}\r\n`));
    let text = "";
    socket.setEncoding("utf8").on("data", (piece) => {
      text += piece;
    });
    socket.on("error", reject).on("close", () => resolve(text));
  });
const text = async (url: string, init?: RequestInit): Promise<string> => {
  const response = await fetch(url, init);
  return `HTTP/1.1 ${response.status} ${await response.text()}`;
};
/** Signed by the attacker's own credentials, whatever the address is. */
const rawSigned = (method: string, path: string, query = ""): Promise<string> => {
  const host = `127.0.0.1:${ground.port}`;
  const plain = { method, path, query, headers: { host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" } };
  const headers = sign(plain, ground.credentials(mallory, own), Date.now());
  return raw(`${method} ${path}${query === "" ? "" : `?${query}`}`, "127.0.0.1", { ...headers, host });
};
const get = (Bucket: string, Key = victimKey) => new GetObjectCommand({ Bucket, Key });
const sent = async (work: Promise<{ Body?: { transformToString(): Promise<string> } | undefined }>) => {
  const code = await codeOf(work);
  return code === "done" ? `HTTP/1.1 200 ${await (await work).Body?.transformToString()}` : code;
};
const ups = ["..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "..%2f..", "..%5c..", "%2e%2e%2f"];

const tries: readonly Try[] = [
  {
    name: "the own credentials at a foreign bucket",
    run: (label) => sent(ground.client(mallory, own).send(get(label))),
  },
  {
    name: "credentials made up for it",
    run: (label) => sent(ground.client("0".repeat(26), own, own).send(get(label))),
  },
  // a key that is right for the bucket's label, and has no rights in its database
  { name: "a key without rights there", run: (label) => sent(ground.client(mallory, label).send(get(label))) },
  {
    name: "a listing",
    run: (label) =>
      ground
        .client(mallory, label)
        .send(new ListObjectsV2Command({ Bucket: label }))
        .then((found) => `HTTP/1.1 200 ${JSON.stringify(found.Contents)}`, String),
  },
  {
    name: "a copy into the own bucket",
    run: async (label, n) => {
      const sources = [`${label}/deep/secret.txt`, `/${label}/deep/secret.txt`, `${own}/../${label}/deep/secret.txt`];
      const encoded = [encodeURIComponent(`${label}/deep/secret.txt`), `${own}%2F..%2F${label}%2Fdeep%2Fsecret.txt`];
      const all = [...sources, ...encoded];
      const CopySource = all[n % all.length] ?? "";
      const Key = `stolen-${n}`;
      await codeOf(ground.client(mallory, own).send(new CopyObjectCommand({ Bucket: own, Key, CopySource })));
      return sent(ground.client(mallory, own).send(get(own, Key)));
    },
  },
  {
    name: "a path out of the own public bucket",
    run: (label, n) => {
      const up = ups[n % ups.length] ?? "";
      return raw(`GET /${own}/${up}/${label}/deep/secret.txt`);
    },
  },
  {
    name: "a path out of the own web site",
    run: (label, n) => {
      const up = ups[n % ups.length] ?? "";
      return raw(`GET /${up}/${label}/deep/secret.txt`, `${own}.files.test`);
    },
  },
  { name: "the foreign bucket by its host name", run: (label) => raw("GET /deep/secret.txt", `${label}.files.test`) },
  {
    name: "an address signed for the own bucket",
    run: (label) => text(ground.signed(mallory, own, "deep/secret.txt").replace(own, label)),
  },
  {
    name: "an address signed for it by a key without rights",
    run: (label) => text(ground.signed(mallory, label, "deep/secret.txt")),
  },
  {
    name: "writing by an address that reads",
    run: (label) => text(ground.signed(owner, label, "new"), { method: "PUT", body: "x" }),
  },
  {
    name: "an address whose signature was changed",
    run: (label, n) => {
      const url = ground.signed(owner, label, victimKey);
      const at = url.length - 1 - (n % 64);
      return text(`${url.slice(0, at)}${url[at] === "0" ? "1" : "0"}${url.slice(at + 1)}`);
    },
  },
  {
    name: "an address that has expired, and one that says it has not",
    run: async (label, n) => {
      const url = ground.signed(owner, label, victimKey, "GET", 60);
      ground.clock.nowMs += 61_000;
      const got = await text(n % 2 === 0 ? url : url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"));
      ground.clock.nowMs -= 61_000;
      return got;
    },
  },
  {
    name: "a key that was revoked, and what it signed",
    async run(label, n, id) {
      const key = `${gone.slice(0, 20)}${String(n).padStart(6, "0")}`;
      ground.rights.set(`${key} ${id}`, "write");
      const url = ground.signed(key, label, victimKey);
      if (!(await text(url)).includes(secretText)) throw new Error("the key opened nothing before it was revoked");
      ground.rights.delete(`${key} ${id}`);
      ground.clock.monotonicMs += revokedWithinMs;
      return `${await text(url)}\n${await sent(ground.client(key, label).send(get(label)))}`;
    },
  },
  {
    name: "a signed path out of the own bucket",
    run: (label, n) => {
      const method = ["GET", "DELETE", "HEAD"][n % 3] ?? "";
      return rawSigned(method, `/${own}/${ups[n % ups.length]}/${label}/deep/secret.txt`);
    },
  },
  {
    name: "names that could be the bucket's",
    run: (label, n) => {
      const names = [`${own}%2F..%2F${label}`, `.%2F${label}`, `%2F${label}`, label.toUpperCase(), `${label}.`, ".."];
      return rawSigned("GET", `/${names[n % names.length]}/deep/secret.txt`);
    },
  },
  {
    // versitygw 1.8 joins both to paths as they come: without the front the first would delete the whole foreign bucket
    name: "an upload's id that leads elsewhere",
    run: (label, n) => {
      const up = ["../../../..", "..%2F..%2F..%2F..", "..%2f..%2f..%2f%2e%2e"][n % 3];
      const name = n % 2 === 0 ? "uploadId" : "%75ploadId";
      return rawSigned(["DELETE", "GET", "POST"][n % 3] ?? "", `/${own}/any`, `${name}=${up}%2F${label}%2Fdeep`);
    },
  },
  {
    name: "names in a list of deletions that lead elsewhere",
    async run(label, n) {
      const Key = [`../${label}/${victimKey}`, `a/../../${label}/${victimKey}`, `/../${label}/${victimKey}`][n % 3];
      const command = new DeleteObjectsCommand({ Bucket: own, Delete: { Objects: [{ Key }] } });
      return codeOf(ground.client(mallory, own).send(command));
    },
  },
  {
    name: "a prefix that leads elsewhere",
    run: (label) =>
      ground
        .client(mallory, own)
        .send(new ListObjectsV2Command({ Bucket: own, Prefix: `../${label}/` }))
        .then((found) => `HTTP/1.1 200 ${JSON.stringify(found.Contents)}`, String),
  },
  { name: "no credentials at all", run: (label) => text(`${ground.url}/${label}/deep/secret.txt`) },
  { name: "the server's own folder", run: (_, n) => raw(`GET /${own}/.sgwtmp/${ups[n % ups.length]}/x`) },
];

/** What a victim has: exactly what it put there. */
function changeOf(label: string): string | undefined {
  const folder = join(ground.dataDir, "files", "objects", label);
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes(".sgwtmp"))
    .map((entry) => entry.name);
  if (names.join() !== "secret.txt") return `its objects are ${names.join() || "gone"}`;
  return readFileSync(join(folder, victimKey), "utf8") === secretText ? undefined : "its object was changed";
}

async function attack({ n, random, guarded }: RowInput): Promise<Trials> {
  ground.clock.monotonicMs += 3_600_000; // nothing is remembered of an earlier run
  // the control takes away what the rights say: then a key without rights there reads, and the row must see it
  if (!guarded) for (const id of victims) ground.rights.set(`${mallory} ${id}`, "read");
  const violations: string[] = [];
  const all = [...labels];
  for (let trial = 0; trial < n; trial++) {
    const one = tries[trial % tries.length];
    const [id, label] = random.pick(all);
    if (one === undefined) throw new Error("no try");
    const got = await one.run(label, Math.floor(trial / tries.length), id);
    if (got.includes(secretText) || /HTTP\/1\.1 200 .*deep\/secret/s.test(got))
      violations.push(`${one.name}: ${got.slice(0, 200)}`);
    for (const [, victim] of all) {
      const change = changeOf(victim);
      if (change !== undefined) return { trials: trial + 1, violations: [...violations, `${one.name}: ${change}`] };
    }
  }
  for (const id of victims) ground.rights.delete(`${mallory} ${id}`);
  return { trials: n, violations };
}

catalogueRow({
  suite: "attacks",
  name: "bucket isolation",
  promise: "nobody reads, lists, copies, changes or deletes another tenant's objects",
  n: { small: 168, large: 5_000 },
  run: attack,
  control: { without: "the rights of a key in one database", n: 42 },
});
