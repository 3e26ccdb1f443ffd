import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { type Claimed, chunkSignature } from "../../platform/files/index.ts";
import { capped, Unchunk } from "./unchunk.ts";

const signingKey = Buffer.alloc(32, 7);
const claimed: Claimed = {
  ...{ how: "header", keyId: "A".repeat(26), day: "20261121", region: "us-east-1", at: "20261121T000000Z" },
  ...{ signature: "0".repeat(64), signedHeaders: ["host"], payload: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" },
};

function framed(...chunks: readonly string[]): Buffer {
  let before = claimed.signature;
  const parts = [...chunks, ""].map((text) => {
    const chunk = Buffer.from(text);
    before = chunkSignature(claimed, signingKey, before, chunk);
    return Buffer.concat([
      Buffer.from(`${chunk.length.toString(16)};chunk-signature=${before}\r\n`),
      chunk,
      Buffer.from("\r\n"),
    ]);
  });
  return Buffer.concat(parts);
}

/** As it would come over a connection: in pieces of so many bytes. */
function read(bytes: Buffer, says: number, pieceBytes: number): Promise<string> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) =>
    bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  );
  const unchunk = new Unchunk(claimed, signingKey, says);
  Readable.from(pieces)
    .on("error", () => undefined)
    .pipe(unchunk);
  return buffer(unchunk).then((whole) => whole.toString());
}

describe("a stream signed piece by piece", () => {
  const text = ["hello ".repeat(50), "w", "orld".repeat(100)];
  const whole = text.join("");

  test("is what its pieces say, however it comes", async () => {
    for (const pieceBytes of [1, 7, 100, 100_000])
      expect(await read(framed(...text), whole.length, pieceBytes)).toBe(whole);
    expect(await read(framed(), 0, 3)).toBe("");
    const trailer = Buffer.concat([framed("a"), Buffer.from("x-amz-checksum-crc32:AAAAAA==\r\n\r\n")]);
    expect(await read(trailer, 1, 10)).toBe("a");
  });

  test("ends where a piece was changed, left out, or is missing", async () => {
    const changed = framed(...text);
    changed[90] = (changed[90] ?? 0) ^ 1;
    await expect(read(changed, whole.length, 64)).rejects.toThrow("not signed by its client");
    const swapped = Buffer.concat([framed("b").subarray(0, -88), framed("a")]);
    await expect(read(swapped, 2, 64)).rejects.toThrow();
    await expect(read(framed("abc").subarray(0, -20), 3, 64)).rejects.toThrow("before its last chunk");
    await expect(read(Buffer.from("ffffffff;chunk-signature=00\r\n"), 3, 64)).rejects.toThrow("no head");
  });

  test("is no longer than it said", async () => {
    await expect(read(framed("abcd"), 3, 64)).rejects.toThrow("longer than it said");
    await expect(buffer(Readable.from([Buffer.alloc(200_000)]).pipe(capped(10)))).rejects.toThrow("longer");
    expect(await buffer(Readable.from([Buffer.from("abc")]).pipe(capped(3)))).toHaveLength(3);
  });
});
