/**
 * A bucket's whole life on a whole platform, as its users meet it: declared by pull request, reviewed, merged, served to S3's own client by
 * the credentials of a key, signed, shown as a web site, metered, its key revoked, retired and removed.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { at, type Developer, type Files, makeDeveloper } from "../system/developer.ts";
import { type Platform, startPlatform } from "../system/platform.ts";
import { codeOf, mebi } from "./ground.ts";

const database = "acme/shop/orders";
const file = "tenants/acme/shop/assets.ts";
const patient = { timeoutMs: 180_000, everyMs: 1_000 } as const;
let platform: Platform;
let developer: Developer;
const clients: S3Client[] = [];

beforeAll(async () => {
  platform = await startPlatform({ env: { NEBULA_SAMPLE_SECONDS: "2" } });
  developer = makeDeveloper(platform);
}, 360_000);
afterAll(async () => {
  for (const client of clients) client.destroy();
  developer?.leave();
  await platform?.close();
}, 180_000);

const declaration = (options: string) =>
  `import { Bucket } from "@nebuladb/platform";\nimport orders from "./orders.ts";\n\nexport default new Bucket("assets", { of: orders, storage: "64Mi"${options} });\n`;

async function nebula(...args: string[]) {
  const { code, stdout, stderr } = await platform.nebula(...args, "-o", "json");
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Reviewed, merged; what the review said. */
async function land(branch: string, files: Files): Promise<string> {
  developer.git("fetch", "--quiet", "origin");
  developer.git("switch", "--quiet", "--detach", "origin/main");
  const number = await developer.openPull(branch, files);
  const shown = () => nebula("pr", "show", String(number));
  await eventually("its review passes", async () => (await shown()).verdict === "success", patient);
  const { data } = await developer.octokit.rest.issues.listComments({ ...at, issue_number: number });
  const merged = await platform.nebula("pr", "merge", String(number));
  expect(merged.code, merged.stderr).toBe(0);
  return data.map(({ body }) => body).join("\n");
}

type Listed = {
  readonly name: string;
  readonly bucket: string;
  readonly url: string | null;
  readonly endpoint: string | null;
  readonly deployed: boolean;
  readonly settings: { readonly retire: boolean; readonly public: boolean };
};
const listed = async (): Promise<readonly Listed[]> => nebula("bucket", "list", database);
const served = (what: string, is: (bucket: Listed | undefined) => boolean) =>
  eventually(what, async () => is((await listed())[0]), patient);

async function clientOf(name: string, ...args: string[]) {
  // the platform's first token has no account, so that its keys name a role
  const create = ["--create", name, "--role", "project-admin", ...args];
  const made = await nebula("bucket", "keys", `${database}/assets`, ...create);
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = made as Record<string, string>;
  const credentials = { accessKeyId: accessKeyId ?? "", secretAccessKey: secretAccessKey ?? "" };
  const client = new S3Client({
    ...{ endpoint: endpoint ?? "", region: region ?? "", forcePathStyle: true, maxAttempts: 1, credentials },
  });
  clients.push(client);
  return { client, Bucket: bucket ?? "", keyId: accessKeyId ?? "" };
}

/** To its last byte: what is left of an answer would end with its connection, as an error of nobody's. */
const whole = async (client: S3Client, object: { readonly Bucket: string; readonly Key: string }) =>
  (await client.send(new GetObjectCommand(object))).Body?.transformToByteArray();

let writer: Awaited<ReturnType<typeof clientOf>>;

test("a declaration is reviewed with its price, merged, and served to S3's client by a key of its own", async () => {
  const review = await land("bucket", { [file]: declaration("") });
  expect(review).toContain("bucket assets added");
  expect(review).toMatch(/\+0\.\d+ USD/);
  await served("the bucket is deployed", (bucket) => bucket?.deployed === true);
  writer = await clientOf("app", "--write");
  const { client, Bucket } = writer;
  const Body = Buffer.alloc(3 * mebi, "n");
  await client.send(new PutObjectCommand({ Bucket, Key: "a/photo.bin", Body, ContentType: "image/png" }));
  const read = await client.send(new GetObjectCommand({ Bucket, Key: "a/photo.bin" }));
  expect(Buffer.from((await read.Body?.transformToByteArray()) ?? [])).toEqual(Body);
  expect((await client.send(new ListObjectsV2Command({ Bucket, Prefix: "a/" }))).KeyCount).toBe(1);
  const reader = await clientOf("reader");
  expect(reader.Bucket).toBe(Bucket);
  expect(await codeOf(reader.client.send(new PutObjectCommand({ Bucket, Key: "b", Body: "x" })))).toBe("AccessDenied");
  const large = new PutObjectCommand({ Bucket, Key: "large", Body: Buffer.alloc(65 * mebi) });
  expect(await codeOf(client.send(large))).toBe("EntityTooLarge");
}, 400_000);

test("the command line signs addresses that read and write one object without a key, for a time", async () => {
  const sign = async (...args: string[]): Promise<string> =>
    (await nebula("bucket", "sign", `${database}/assets`, ...args)).url;
  const inbox = await sign("inbox/note.txt", "--method", "PUT", "--expires", "15m");
  expect((await fetch(inbox, { method: "PUT", body: "sent by address" })).status).toBe(200);
  const read = await sign("inbox/note.txt");
  expect(await (await fetch(read)).text()).toBe("sent by address");
  expect((await fetch(read, { method: "DELETE" })).status).toBe(403);
  expect((await fetch(read.replace("note.txt", "other.txt"))).status).toBe(403);
  const foreign = await platform.nebula("bucket", "sign", `${database}/assets`, "a", "--key", writer.keyId);
  expect(foreign.stderr).toContain("NEB602"); // only a person names another key: one of the own account
  const closed = await platform.nebula("bucket", "url", `${database}/assets`);
  expect([closed.code, closed.stderr]).toEqual([4, expect.stringContaining("nobody reads")]);
}, 200_000);

test("what it holds and what goes out of it is on the usage and on the draft invoice", async () => {
  type Line = { readonly meter: string; readonly database: string; readonly quantity: string };
  const egressOf = (lines: readonly Line[]) =>
    lines
      .filter((line) => line.meter === "egress_bytes" && line.database === "orders")
      .reduce((sum, { quantity }) => sum + Number(quantity), 0);
  await eventually(
    "the bytes that went out are usage",
    async () => egressOf(await nebula("usage")) >= 3 * mebi,
    patient,
  );
  const invoices = (await nebula("usage", "invoice", "--tenant", "acme")) as { readonly lines: readonly Line[] }[];
  const lines = [invoices].flat().flatMap((invoice) => invoice.lines);
  expect(egressOf(lines)).toBeGreaterThanOrEqual(3 * mebi);
  expect(lines.some((line) => line.meter === "storage_byte_hours" && line.database === "orders")).toBe(true);
  await eventually(
    "what it holds is written down for the sampler",
    async () => {
      const text = await readFile(join(platform.data, "files", "sizes.json"), "utf8").catch(() => "{}");
      return (JSON.parse(text)["acme.shop.orders"] ?? 0) >= 3 * mebi;
    },
    patient,
  );
}, 400_000);

test("made a web site by declaration, it is read by anybody at an address of its own", async () => {
  const { client, Bucket } = writer;
  const page = { Bucket, Key: "index.html", Body: "<h1>shop</h1>", ContentType: "text/html" };
  await client.send(new PutObjectCommand(page));
  await land("website", { [file]: declaration(", website: {}") });
  await served("the web site is served", (bucket) => bucket?.url !== null && bucket?.url !== undefined);
  const { stdout } = await platform.nebula("bucket", "url", `${database}/assets`);
  const url = new URL(stdout.trim());
  expect(url.hostname).toBe(`${Bucket}.db.localhost`);
  const shown = eventually(
    "the page is shown",
    async () => {
      const response = await fetch(`http://127.0.0.1:${url.port}/${Bucket}/index.html`);
      return response.status === 200 ? await response.text() : false;
    },
    patient,
  );
  expect(await shown).toBe("<h1>shop</h1>");
}, 400_000);

test("a key that is revoked opens nothing more", async () => {
  const gone = await clientOf("gone", "--write");
  const read = () => codeOf(whole(gone.client, { Bucket: gone.Bucket, Key: "index.html" }));
  expect(await read()).toBe("done");
  expect((await platform.nebula("key", "revoke", gone.keyId)).code).toBe(0);
  await eventually("it is refused", async () => (await read()) === "InvalidAccessKeyId", patient);
}, 300_000);

test("it is retired before its file may go, and then it is gone", async () => {
  const { client, Bucket } = writer;
  await client.send(new DeleteObjectCommand({ Bucket, Key: "index.html" }));
  await land("retire", { [file]: declaration(", retire: true") });
  await served("it is retired", (bucket) => bucket?.settings.retire === true && bucket.deployed);
  const read = () => codeOf(whole(client, { Bucket, Key: "a/photo.bin" }));
  await eventually("nobody is let in", async () => (await read()) === "AccessDenied", patient);
  await land("remove", { [file]: null });
  await served("it is not listed any more", (bucket) => bucket === undefined);
  await eventually("there is none", async () => (await read()) === "NoSuchBucket", patient);
}, 500_000);
