import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Secret } from "../core/index.ts";
import { openStream, sealedSize, sealStream } from "./sealed-stream.ts";

const key = new Secret("the key of one instance");
const mib = 1024 * 1024;

async function collect(parts: AsyncIterable<Buffer>): Promise<Buffer> {
  const held: Buffer[] = [];
  for await (const part of parts) held.push(part);
  return Buffer.concat(held);
}
const seal = (plain: Buffer, name = "a/b") => collect(sealStream(key, name)(cut(plain, 70_001)));
const open = (sealed: Buffer, name = "a/b", with_ = key) => collect(openStream(with_, name)(cut(sealed, 65_536)));

function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

test("opens to what was sealed, at every length around a piece", async () => {
  for (const length of [0, 1, 15, 16, 17, mib - 1, mib, mib + 1, 2 * mib, 3 * mib + 5]) {
    const plain = randomBytes(length);
    const sealed = await seal(plain);
    expect(sealed.length).toBe(sealedSize(length));
    expect((await open(sealed)).equals(plain)).toBe(true);
  }
});

test("the same thing sealed twice is never the same bytes", async () => {
  const plain = randomBytes(100);
  expect((await seal(plain)).equals(await seal(plain))).toBe(false);
});

test("another key or another name opens nothing", async () => {
  const sealed = await seal(randomBytes(50));
  await expect(open(sealed, "a/c")).rejects.toMatchObject({ code: "NEB413" });
  await expect(open(sealed, "a/b", new Secret("another"))).rejects.toMatchObject({ code: "NEB413" });
});

const whole = randomBytes(2 * mib + 1000);

test("every byte changed, every cut and every piece moved is seen", async () => {
  const sealed = await seal(whole);
  await fc.assert(
    fc.asyncProperty(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const damaged = Buffer.from(sealed);
      damaged[at] = (damaged[at] as number) ^ change;
      await expect(open(damaged)).rejects.toMatchObject({ code: "NEB413" });
      await expect(open(sealed.subarray(0, at))).rejects.toMatchObject({ code: "NEB413" });
    }),
    { numRuns: 60 },
  );
  const [head, piece] = [38, mib + 16];
  const pieces = [0, 1, 2].map((i) => sealed.subarray(head + i * piece, head + (i + 1) * piece));
  const put = (...order: number[]) =>
    open(Buffer.concat([sealed.subarray(0, head), ...order.map((i) => pieces[i] as Buffer)]));
  for (const order of [
    [1, 0, 2],
    [0, 2],
    [0, 1],
    [0, 1, 1, 2],
    [0, 1, 2, 2],
  ])
    await expect(put(...order)).rejects.toMatchObject({ code: "NEB413" });
  expect((await put(0, 1, 2)).equals(whole)).toBe(true);
});

test("nothing of a damaged piece is handed on", async () => {
  const sealed = await seal(whole);
  const at = 38 + mib + 16 + 5; // in the second piece
  sealed[at] = (sealed[at] as number) ^ 1;
  const got: Buffer[] = [];
  const read = async () => {
    for await (const part of openStream(key, "a/b")([sealed])) got.push(part);
  };
  await expect(read()).rejects.toMatchObject({ code: "NEB413" });
  expect(Buffer.concat(got).equals(whole.subarray(0, mib))).toBe(true);
});
