/** The server behind the buckets: started again when it dies, and never left over. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeFiles } from "../../gateway/files/index.ts";
import { quiet, resolveVersitygw } from "../../launcher/index.ts";
import { Secret, systemClock } from "../../platform/core/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type FilesGround, keyId, makeFilesGround } from "./ground.ts";

const id = "acme.shop.orders";
const writer = keyId("WRITER");
let ground: FilesGround;
let Bucket = "";

beforeAll(async () => {
  ground = await makeFilesGround();
  Bucket = ground.declare(id, "assets");
  ground.rights.set(`${writer} ${id}`, "write");
}, 120_000);
afterAll(() => ground?.close());

const pid = () => Number(readFileSync(join(ground.dataDir, "files", "versitygw.pid"), "utf8"));
const isAlive = (process_: number) => {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${process_}/status`, "utf8"));
  } catch {
    return false;
  }
};
const read = async () => {
  const { Body } = await ground.client(writer, Bucket).send(new GetObjectCommand({ Bucket, Key: "kept" }));
  return Body?.transformToString();
};

test("one that was killed is started again for the next request, and nothing is lost", async () => {
  await ground.client(writer, Bucket).send(new PutObjectCommand({ Bucket, Key: "kept", Body: "kept" }));
  const before = pid();
  process.kill(before, "SIGKILL");
  await eventually("an object is read again", async () => (await read()) === "kept");
  expect(pid()).not.toBe(before);
  expect(ground.observations).toContainEqual(expect.objectContaining({ kind: "process.ended", process: "versitygw" }));
});

test("one that a killed gateway left is ended by the next gateway", async () => {
  await read();
  const left = pid();
  const next = makeFiles({
    ...{ dataDir: ground.dataDir, bin: await resolveVersitygw(process.env, quiet), domain: "files.test" },
    ...{ secret: new Secret("t".repeat(43)), clock: systemClock, observe: () => undefined },
    keys: { find: async () => ({ access: "read" }) },
    gateOf: async (one) => ground.gates.get(one),
    databases: async () => [...ground.gates.keys()],
    isRetired: async () => false,
    account: () => ({ bytesIn: 0, bytesOut: 0 }),
  });
  const port = await next.listen(0, "127.0.0.1");
  try {
    const url = ground.signed(writer, Bucket, "kept").replace(String(ground.port), String(port));
    // it signs for another host: what matters is that the server behind was asked to start
    expect((await fetch(url)).status).toBe(403);
    ground.gates.set(id, { ...gate(), buckets: { ...gate().buckets, assets: { ...assets(), public: true } } });
    expect(await (await fetch(`http://127.0.0.1:${port}/${Bucket}/kept`)).text()).toBe("kept");
    await eventually("the one that was left has ended", async () => !isAlive(left));
  } finally {
    await next.close(0);
  }
});

function gate() {
  const found = ground.gates.get(id);
  if (found === undefined) throw new Error("no gate");
  return found;
}
function assets() {
  const found = gate().buckets?.assets;
  if (found === undefined) throw new Error("no bucket");
  return found;
}
