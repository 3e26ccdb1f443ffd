/** What S3's own client asks of a bucket, answered by the front and the real server behind it. */
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chunkSignature, claimedBy, sign, verify } from "../../platform/files/index.ts";
import { codeOf, type FilesGround, keyId, makeFilesGround, mebi } from "./ground.ts";

const id = "acme.shop.orders";
const [writer, reader] = [keyId("WRITER"), keyId("READER")];
let ground: FilesGround;
let Bucket: string;

beforeAll(async () => {
  ground = await makeFilesGround();
  Bucket = ground.declare(id, "assets");
  ground.rights.set(`${writer} ${id}`, "write").set(`${reader} ${id}`, "read");
}, 120_000);
afterAll(() => ground?.close());

const s3 = () => ground.client(writer, Bucket);
const put = (Key: string, Body: string | Buffer) => s3().send(new PutObjectCommand({ Bucket, Key, Body }));
const get = async (Key: string) => {
  const { Body } = await s3().send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
};

describe("objects", () => {
  test("are put, read whole and in part, with what was said of them, and deleted", async () => {
    const bytes = randomBytes(300_000);
    const said = { ContentType: "image/png", CacheControl: "max-age=60", Metadata: { owner: "anna" } };
    await s3().send(new PutObjectCommand({ Bucket, Key: "a/photo 1+2 ü.png", Body: bytes, ...said }));
    expect(await get("a/photo 1+2 ü.png")).toEqual(bytes);
    const Key = "a/photo 1+2 ü.png";
    const head = await s3().send(new HeadObjectCommand({ Bucket, Key }));
    expect(head).toMatchObject({ ContentLength: bytes.length, ...said });
    const part = await s3().send(new GetObjectCommand({ Bucket, Key, Range: "bytes=10-19" }));
    expect(Buffer.from((await part.Body?.transformToByteArray()) ?? [])).toEqual(bytes.subarray(10, 20));
    const unchanged = s3().send(new GetObjectCommand({ Bucket, Key, IfNoneMatch: head.ETag }));
    expect(await codeOf(unchanged)).toBe("304");
    await s3().send(new DeleteObjectCommand({ Bucket, Key }));
    expect(await codeOf(get(Key))).toBe("NoSuchKey");
  });

  test("are listed by pages and folders, copied inside of the bucket, tagged, and deleted together", async () => {
    for (const key of ["list/a", "list/b", "list/deep/c"]) await put(key, key);
    const first = await s3().send(new ListObjectsV2Command({ Bucket, Prefix: "list/", Delimiter: "/", MaxKeys: 2 }));
    expect(first).toMatchObject({ IsTruncated: true, KeyCount: 2 });
    const token = first.NextContinuationToken;
    const more = { Bucket, Prefix: "list/", Delimiter: "/", ContinuationToken: token };
    const second = await s3().send(new ListObjectsV2Command(more));
    expect(second.CommonPrefixes).toEqual([{ Prefix: "list/deep/" }]);
    await s3().send(new CopyObjectCommand({ Bucket, Key: "list/d", CopySource: `${Bucket}/list/a` }));
    expect((await get("list/d")).toString()).toBe("list/a");
    const Tagging = { TagSet: [{ Key: "team", Value: "shop" }] };
    await s3().send(new PutObjectTaggingCommand({ Bucket, Key: "list/d", Tagging }));
    expect(await s3().send(new GetObjectTaggingCommand({ Bucket, Key: "list/d" }))).toMatchObject(Tagging);
    const Objects = ["list/a", "list/b", "list/d", "list/deep/c"].map((Key) => ({ Key }));
    await s3().send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect((await s3().send(new ListObjectsV2Command({ Bucket, Prefix: "list/" }))).KeyCount).toBe(0);
  });

  test("come as a stream too, and in parts", async () => {
    const bytes = randomBytes(200_000);
    const pieces = Readable.from([bytes.subarray(0, 70_000), bytes.subarray(70_000)]);
    const streamed = new PutObjectCommand({ Bucket, Key: "streamed", Body: pieces, ContentLength: bytes.length });
    await s3().send(streamed);
    expect(await get("streamed")).toEqual(bytes);

    const Key = "in-parts";
    const { UploadId } = await s3().send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const bodies = [randomBytes(5 * mebi), randomBytes(1000)];
    const Parts = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const { ETag } = await s3().send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
      Parts.push({ ETag, PartNumber });
    }
    expect((await s3().send(new ListPartsCommand({ Bucket, Key, UploadId }))).Parts).toHaveLength(2);
    await s3().send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
    expect(hash(await get(Key))).toBe(hash(Buffer.concat(bodies)));
    const other = await s3().send(new CreateMultipartUploadCommand({ Bucket, Key: "given-up" }));
    await s3().send(new AbortMultipartUploadCommand({ Bucket, Key: "given-up", UploadId: other.UploadId }));
  });

  test("signed piece by piece, as other clients send them, are kept as what they mean, or not at all", async () => {
    const bytes = randomBytes(100_000);
    expect(await putInPieces("pieces", bytes, (frames) => frames)).toBe(200);
    expect(await get("pieces")).toEqual(bytes);
    const changed = (frames: Buffer) => {
      frames[50_000] = (frames[50_000] ?? 0) ^ 1;
      return frames;
    };
    expect(await putInPieces("spoiled", bytes, changed)).toBe(403);
    expect(await codeOf(get("spoiled"))).toBe("NoSuchKey");
  });

  test("that came changed are not kept", async () => {
    const wrong = { Bucket, Key: "wrong", Body: "abc", ContentMD5: createHash("md5").update("abd").digest("base64") };
    expect(await codeOf(s3().send(new PutObjectCommand(wrong)))).not.toBe("done");
    expect(await codeOf(get("wrong"))).toBe("NoSuchKey");
  });
});

/** As older SDKs, rclone and mc do over plain HTTP. The status. */
async function putInPieces(key: string, bytes: Buffer, change: (frames: Buffer) => Buffer): Promise<number> {
  const url = new URL(`${ground.url}/${Bucket}/${key}`);
  const credentials = ground.credentials(writer, Bucket);
  const said = {
    ...{ host: url.host, "content-encoding": "aws-chunked", "x-amz-decoded-content-length": String(bytes.length) },
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  };
  const plain = { method: "PUT", path: url.pathname, query: "" };
  const headers = sign({ ...plain, headers: said }, credentials, Date.now());
  const claimed = claimedBy({ ...plain, headers });
  if (claimed === undefined || "message" in claimed) throw new Error("not signed");
  const verified = verify({ ...plain, headers }, claimed, credentials.secretAccessKey, Date.now());
  if ("code" in verified) throw new Error(verified.code);
  let before = claimed.signature;
  const pieces = [bytes.subarray(0, 65_536), bytes.subarray(65_536), Buffer.alloc(0)].map((piece) => {
    before = chunkSignature(claimed, verified.signingKey, before, piece);
    const head = Buffer.from(`${piece.length.toString(16)};chunk-signature=${before}\r\n`);
    return Buffer.concat([head, piece, Buffer.from("\r\n")]);
  });
  const { host: _, ...sent } = headers as Readonly<Record<string, string>>;
  return fetch(url, { method: "PUT", headers: sent, body: new Uint8Array(change(Buffer.concat(pieces))) }).then(
    ({ status }) => status,
  );
}

const hash = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

describe("who may", () => {
  test("a key that reads reads, and changes nothing", async () => {
    await put("shared", "text");
    const client = ground.client(reader, Bucket);
    const read = await client.send(new GetObjectCommand({ Bucket, Key: "shared" }));
    expect(await read.Body?.transformToString()).toBe("text");
    await client.send(new HeadBucketCommand({ Bucket }));
    for (const command of [
      new PutObjectCommand({ Bucket, Key: "shared", Body: "x" }),
      new CreateMultipartUploadCommand({ Bucket, Key: "shared" }),
    ])
      expect(await codeOf(client.send(command as PutObjectCommand))).toBe("AccessDenied");
    expect(await codeOf(client.send(new DeleteObjectCommand({ Bucket, Key: "shared" })))).toBe("AccessDenied");
    const Delete = { Objects: [{ Key: "shared" }] };
    expect(await codeOf(client.send(new DeleteObjectsCommand({ Bucket, Delete })))).toBe("AccessDenied");
    expect((await get("shared")).toString()).toBe("text");
  });

  test("a key that was revoked opens nothing, nor what it signed before", async () => {
    const gone = keyId("REVOKED");
    ground.rights.set(`${gone} ${id}`, "write");
    const url = ground.signed(gone, Bucket, "shared");
    expect((await fetch(url)).status).toBe(200);
    ground.rights.delete(`${gone} ${id}`);
    const client = ground.client(gone, Bucket);
    expect(await codeOf(client.send(new GetObjectCommand({ Bucket, Key: "shared" })))).toBe("InvalidAccessKeyId");
    expect((await fetch(url)).status).toBe(403);
  });

  test("buckets are not made, removed or opened by S3", async () => {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:*", Resource: `arn:aws:s3:::${Bucket}/*` }],
    });
    expect(await codeOf(s3().send(new PutBucketPolicyCommand({ Bucket, Policy })))).toBe("AccessDenied");
    expect(await codeOf(s3().send(new DeleteBucketCommand({ Bucket })))).toBe("AccessDenied");
    const other = ground.client(writer, "acme-other");
    expect(await codeOf(other.send(new CreateBucketCommand({ Bucket: "acme-other" })))).toBe("NoSuchBucket");
    expect(await codeOf(s3().send(new ListBucketsCommand({})))).not.toBe("done");
    expect((await fetch(`${ground.url}/${Bucket}/shared`)).status).toBe(403);
  });

  test("a signed address reads or writes one object, for a time", async () => {
    const written = await fetch(ground.signed(writer, Bucket, "by/address.txt", "PUT"), {
      method: "PUT",
      body: "sent",
    });
    expect(written.status).toBe(200);
    const url = ground.signed(reader, Bucket, "by/address.txt");
    expect(await (await fetch(url)).text()).toBe("sent");
    expect((await fetch(url.replace("address.txt", "other.txt"))).status).toBe(403);
    expect((await fetch(url, { method: "DELETE" })).status).toBe(403);
    expect((await fetch(ground.signed(reader, Bucket, "x", "PUT"), { method: "PUT", body: "x" })).status).toBe(403);
    ground.clock.nowMs = 61_000;
    expect((await fetch(url)).status).toBe(403);
    ground.clock.nowMs = 0;
  });
});

describe("limits", () => {
  test("an object is not larger than is declared, whole, in parts or by a copy", async () => {
    const small = ground.declare(id, "small", { maxObjectBytes: 6 * mebi });
    const client = ground.client(writer, small);
    const send = (Key: string, bytes: number) =>
      client.send(new PutObjectCommand({ Bucket: small, Key, Body: Buffer.alloc(bytes) }));
    expect(await codeOf(send("fits", 6 * mebi))).toBe("done");
    // refused before its body is there, which the client goes on sending: it must hear why all the same
    for (const more of [1, 20 * mebi, 40 * mebi])
      expect(await codeOf(send("large", 6 * mebi + more))).toBe("EntityTooLarge");
    const Key = "parts";
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: small, Key }));
    const Parts = [];
    for (const PartNumber of [1, 2]) {
      const part = { Bucket: small, Key, UploadId, PartNumber, Body: Buffer.alloc(5 * mebi) };
      Parts.push({ PartNumber, ETag: (await client.send(new UploadPartCommand(part))).ETag });
    }
    const whole = { Bucket: small, Key, UploadId, MultipartUpload: { Parts } };
    expect(await codeOf(client.send(new CompleteMultipartUploadCommand(whole)))).toBe("EntityTooLarge");
    expect(await codeOf(client.send(new HeadObjectCommand({ Bucket: small, Key })))).toBe("NotFound");
  });

  test("a bucket that is full takes nothing more until something goes", async () => {
    const full = ground.declare(id, "full", { storageBytes: 2 * mebi });
    const client = ground.client(writer, full);
    const send = (Key: string) => client.send(new PutObjectCommand({ Bucket: full, Key, Body: Buffer.alloc(mebi) }));
    expect(await codeOf(send("1"))).toBe("done");
    expect(await codeOf(send("2"))).toBe("done");
    expect(await codeOf(send("3"))).toBe("QuotaExceeded");
    const copy = { Bucket: full, Key: "3", CopySource: `${full}/1` };
    expect(await codeOf(client.send(new CopyObjectCommand(copy)))).toBe("QuotaExceeded");
    await client.send(new DeleteObjectCommand({ Bucket: full, Key: "1" }));
    expect(await codeOf(send("3"))).toBe("done");
  });

  test("an object says how long it is", async () => {
    const chunked = await fetch(ground.signed(writer, Bucket, "unsaid", "PUT"), {
      ...{ method: "PUT", body: new Blob(["x"]).stream(), duplex: "half" },
    } as RequestInit);
    expect(chunked.status).toBe(411);
  });
});

describe("what is open", () => {
  test("a public bucket's objects are read by anybody, and only read", async () => {
    const open = ground.declare(id, "open", { public: true, cors: ["https://shop.example"] });
    const client = ground.client(writer, open);
    const page = "<script>alert(1)</script>";
    await client.send(new PutObjectCommand({ Bucket: open, Key: "page.html", Body: page, ContentType: "text/html" }));
    const url = `${ground.url}/${open}/page.html`;
    const read = await fetch(url, { headers: { origin: "https://shop.example" } });
    expect([read.status, await read.text()]).toEqual([200, page]);
    // by path all tenants share an origin
    expect(read.headers.get("content-security-policy")).toMatch(/^sandbox;/);
    expect(read.headers.get("access-control-allow-origin")).toBe("https://shop.example");
    const elsewhere = await fetch(url, { headers: { origin: "https://evil.example" } });
    expect(elsewhere.headers.get("access-control-allow-origin")).toBeNull();
    for (const [method, path] of [
      ...[
        ["PUT", "/page.html"],
        ["DELETE", "/page.html"],
        ["GET", "/"],
        ["GET", ""],
        ["GET", "?list-type=2"],
      ],
      ...[
        ["POST", "?delete"],
        ["GET", "/page.html?tagging"],
        ["POST", "/page.html?uploads"],
      ],
    ] as [string, string][]) {
      const init = method === "PUT" || method === "POST" ? { method, body: "x" } : { method };
      expect([method, path, (await fetch(`${ground.url}/${open}${path}`, init)).status]).toEqual([method, path, 403]);
    }
    const preflight = { method: "OPTIONS", headers: { origin: "https://shop.example" } };
    expect((await fetch(url, preflight)).headers.get("access-control-allow-methods")).toContain("PUT");
    expect((await fetch(url, { method: "OPTIONS", headers: { origin: "https://evil.example" } })).status).toBe(403);
  });

  test("a web site has its own host name, an index, and a page for what is not there", async () => {
    const site = ground.declare(id, "site", { website: { index: "index.html", error: "lost.html" } });
    const client = ground.client(writer, site);
    for (const Key of ["index.html", "lost.html", "docs/index.html", "style.css"])
      await client.send(new PutObjectCommand({ Bucket: site, Key, Body: `this is ${Key}`, ContentType: "text/html" }));
    const show = (path: string) => rawGet(ground.port, `${site}.files.test`, path);
    expect(await show("/")).toMatchObject({ status: 200, body: "this is index.html" });
    expect(await show("/docs/")).toMatchObject({ status: 200, body: "this is docs/index.html" });
    expect(await show("/docs")).toMatchObject({ status: 302, location: "/docs/" });
    expect(await show("/nothing")).toMatchObject({ status: 404, body: "this is lost.html" });
    expect(await show("/../../etc/passwd")).toMatchObject({ status: 404 });
    expect(await show("/%2e%2e/%2e%2e/etc/passwd")).toMatchObject({ status: 404 });
    expect(await rawGet(ground.port, `${Bucket}.files.test`, "/shared")).toMatchObject({ status: 403 });
  });

  test("a bucket that is retired, or whose database is, is closed to everybody and opens with what it had", async () => {
    const label = ground.declare(id, "open", { public: true, retire: true });
    expect((await fetch(`${ground.url}/${label}/page.html`)).status).toBe(403);
    const client = ground.client(writer, label);
    const read = () => client.send(new GetObjectCommand({ Bucket: label, Key: "page.html" }));
    expect(await codeOf(read())).toBe("AccessDenied");
    ground.declare(id, "open", { public: true });
    expect(await codeOf(read())).toBe("done");
    ground.retired.add(id);
    expect(await codeOf(read())).toBe("AccessDenied");
    expect((await fetch(`${ground.url}/${label}/page.html`)).status).toBe(403);
    ground.retired.delete(id);
  });
});

describe("looking after it", () => {
  test("what is held and what went out is written down by database", async () => {
    await put("counted", Buffer.alloc(100_000));
    const before = ground.counted.get(id)?.bytesOut ?? 0;
    await get("counted");
    expect((ground.counted.get(id)?.bytesOut ?? 0) - before).toBe(100_000);
    await ground.files.look();
    const sizes = JSON.parse(readFileSync(join(ground.dataDir, "files", "sizes.json"), "utf8"));
    expect(sizes[id]).toBeGreaterThan(100_000);
  });

  test("what is not declared any more is put aside after an hour and deleted after a week", async () => {
    const label = ground.declare(id, "leaving");
    const client = ground.client(writer, label);
    await client.send(new PutObjectCommand({ Bucket: label, Key: "a", Body: "a" }));
    const gate = ground.gates.get(id);
    if (gate === undefined) throw new Error("no gate");
    const { leaving: _, ...rest } = gate.buckets ?? {};
    ground.gates.set(id, { ...gate, buckets: rest });
    const folders = (of: string) =>
      readdirSync(join(ground.dataDir, "files", of)).filter((one) => one.startsWith(label));
    const gone = client.send(new GetObjectCommand({ Bucket: label, Key: "a" }));
    expect(await codeOf(gone)).toBe("NoSuchBucket");
    await ground.files.look();
    expect(folders("objects")).toEqual([label]);
    ground.clock.monotonicMs += 3_600_001;
    await ground.files.look();
    expect([folders("objects"), folders("removed").length]).toEqual([[], 1]);
    ground.declare(id, "leaving"); // another one of the same name
    expect((await client.send(new ListObjectsV2Command({ Bucket: label }))).KeyCount).toBe(0);
    ground.clock.nowMs = 8 * 86_400_000;
    await ground.files.look();
    expect(folders("removed")).toEqual([]);
    ground.clock.nowMs = 0;
  });

  test("its files are nobody else's to read, and no client's secret lies among them", () => {
    for (const folder of ["objects", "removed", "iam"])
      expect(statSync(join(ground.dataDir, "files", folder)).mode & 0o077).toBe(0);
    const users = readFileSync(join(ground.dataDir, "files", "iam", "users.json"), "utf8");
    expect(users).not.toContain(writer);
  });
});

/** With a host name that no resolver knows. */
function rawGet(port: number, host: string, path: string) {
  return new Promise<{ status: number; location: string | undefined; body: string }>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`),
    );
    let text = "";
    socket.setEncoding("utf8").on("data", (piece) => {
      text += piece;
    });
    socket.on("error", reject).on("close", () => {
      const [head = "", body = ""] = text.split(/\r\n\r\n(.*)/s);
      const status = Number(head.split(" ")[1]);
      resolve({ status, location: /^location: (.*)$/im.exec(head)?.[1], body: unframed(head, body) });
    });
  });
}

const unframed = (head: string, body: string): string =>
  /transfer-encoding: chunked/i.test(head) ? (body.replace(/^[0-9a-f]+\r\n/i, "").split("\r\n")[0] ?? "") : body;
