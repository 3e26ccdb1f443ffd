/** The port of object stores: a folder, and a real S3 server on loopback. One suite for both. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeFileStore, makeS3Store, type ObjectStore, storeAddress, under } from "../../platform/objects/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { type S3Server, startS3Server } from "../harness/s3-server.ts";

const home = mkdtempSync(join(tmpdir(), "ndb-objects-"));
let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
}, 600_000);
afterAll(async () => {
  await server.close();
  rmSync(home, { recursive: true, force: true });
});

const ports: Record<string, () => ObjectStore> = {
  file: () => makeFileStore(join(home, "store")),
  s3: () => server.store("suite"),
};

const read = async (store: ObjectStore, key: string) => buffer(await store.get(key));

describe.each(Object.entries(ports))("%s", (_, open) => {
  test("gives back what was put, whole, and says how much it was", async () => {
    const store = open();
    const big = randomBytes(20 * 1024 * 1024 + 7);
    expect(await store.put("a/small", Buffer.from("hello"))).toBe(5);
    expect(await store.put("a/big", Readable.from([big.subarray(0, 1000), big.subarray(1000)]))).toBe(big.length);
    expect(await store.put("a/empty", Readable.from([]))).toBe(0);
    expect((await read(store, "a/small")).toString()).toBe("hello");
    expect((await read(store, "a/big")).equals(big)).toBe(true);
    expect((await read(store, "a/empty")).length).toBe(0);
    expect(await store.stat("a/big")).toEqual({ key: "a/big", sizeBytes: big.length });
  });

  test("replaces, and keeps what was there when the new one breaks off", async () => {
    const store = open();
    await store.put("b/one", Buffer.from("first"));
    await store.put("b/one", Buffer.from("second"));
    async function* breaking() {
      yield randomBytes(9 * 1024 * 1024);
      throw new Error("the source broke");
    }
    await expect(store.put("b/one", Readable.from(breaking()))).rejects.toThrow("the source broke");
    await expect(store.put("b/two", Readable.from(breaking()))).rejects.toThrow("the source broke");
    expect((await read(store, "b/one")).toString()).toBe("second");
    expect(await store.stat("b/two")).toBeUndefined();
    expect((await store.list("b/")).map(({ key }) => key)).toEqual(["b/one"]);
  });

  test("lists by the beginning of the name, sorted, more than a page of them", async () => {
    const store = open();
    const keys = Array.from({ length: 1100 }, (_, i) => `c/x${String(i).padStart(4, "0")}`);
    for (let i = 0; i < keys.length; i += 50)
      await Promise.all(keys.slice(i, i + 50).map((key) => store.put(key, Buffer.from("1"))));
    await store.put("c-other/x0001", Buffer.from("1"));
    expect((await store.list("c/")).map(({ key }) => key)).toEqual(keys);
    expect((await store.list("c/x000")).length).toBe(10);
    expect(await store.list("nothing/")).toEqual([]);
    await store.delete(keys);
    expect(await store.list("c/")).toEqual([]);
  });

  test("says what is not there by its code, and deletes it without a word", async () => {
    const store = open();
    expect(await codeOf(store.get("d/none"))).toBe("NEB410");
    expect(await store.stat("d/none")).toBeUndefined();
    await store.delete(["d/none"]);
  });

  test("refuses names that could lead elsewhere", async () => {
    const store = open();
    for (const key of ["../x", "a/../x", "/x", "a//b", "", "a/./b", "ü", "a\0b"])
      await expect(store.put(key, Buffer.from("x"))).rejects.toThrow(RangeError);
  });

  test("shows a part of itself as a store", async () => {
    const part = under(open(), "e");
    await part.put("one", Buffer.from("1"));
    expect(await part.list("")).toEqual([{ key: "one", sizeBytes: 1 }]);
    expect(await open().stat("e/one")).toEqual({ key: "e/one", sizeBytes: 1 });
    await part.delete(["one"]);
    expect(await part.stat("one")).toBeUndefined();
  });
});

test("a store that cannot be used says so, and that trying again may help", async () => {
  const file = join(home, "file");
  await makeFileStore(home).put("file", Buffer.from("x"));
  await expect(makeFileStore(file).put("a", Buffer.from("x"))).rejects.toMatchObject({ code: "NEB411", retry: true });
  const dead = makeS3Store({ ...server.options("x"), endpoint: "http://127.0.0.1:9" });
  expect(await codeOf(dead.put("a", Buffer.from("x")))).toBe("NEB411");
  const noBucket = makeS3Store({ ...server.options("x"), bucket: "not-there" });
  expect(await codeOf(noBucket.get("a"))).toBe("NEB411");
  expect(await codeOf(noBucket.put("a", Readable.from(["x"])))).toBe("NEB411");
});

test("uploads that were left half-way are cleared", async () => {
  const store = makeS3Store(server.options("left"));
  mkdirSync(join(home, "x"), { recursive: true });
  expect(await store.clearUploads(new Date())).toBe(0);
  store.close();
});

test("addresses are read, and wrong ones refused by their code", () => {
  expect(storeAddress("/var/b")).toEqual({ kind: "file", folder: "/var/b" });
  expect(storeAddress("file:///var/b%20c")).toEqual({ kind: "file", folder: "/var/b c" });
  expect(storeAddress("s3://bucket/a/b?endpoint=http://127.0.0.1:1&region=eu-1")).toEqual({
    ...{ kind: "s3", bucket: "bucket", prefix: "a/b", endpoint: "http://127.0.0.1:1", region: "eu-1" },
    pathStyle: true,
  });
  expect(storeAddress("s3://bucket")).toMatchObject({ prefix: "", pathStyle: false });
  for (const wrong of ["relative", "https://x", "s3://", "s3://a?what=1", "s3://user:pass@a"])
    expect(() => storeAddress(wrong)).toThrow(expect.objectContaining({ code: "NEB412" }));
});
