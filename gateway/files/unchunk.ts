/**
 * A body that its client signed piece by piece (`STREAMING-AWS4-HMAC-SHA256-PAYLOAD`), as the bytes that it means. Each piece is checked
 * before any of it goes on; one that is not its client's ends the stream, and with it the request behind.
 */
import { Transform, type TransformCallback } from "node:stream";
import { type Claimed, chunkSignature } from "../../platform/files/index.ts";

/** Clients send 64 KiB to 8 MiB; a piece is held whole until it is checked. */
const mostChunkBytes = 16 * 2 ** 20;

/** The client's own fault: the body is not what its request says. */
export class BodyRefused extends Error {}

export class Unchunk extends Transform {
  private readonly claimed: Claimed;
  private readonly signingKey: Buffer;
  private held: Buffer[] = [];
  private heldBytes = 0;
  /** So many bytes make the next chunk whole: until then nothing is put together. */
  private neededBytes = 0;
  private before: string;
  private isOver = false;

  private leftBytes: number;

  /** @param saysBytes what the request says that its pieces come to. */
  constructor(claimed: Claimed, signingKey: Buffer, saysBytes: number) {
    super();
    this.leftBytes = saysBytes;
    this.claimed = claimed;
    this.signingKey = signingKey;
    this.before = claimed.signature;
  }

  override _transform(piece: Buffer, _: BufferEncoding, done: TransformCallback): void {
    if (this.isOver) return done(); // trailers: what they would say of the bytes, the signatures have said
    this.held.push(piece);
    this.heldBytes += piece.length;
    if (this.heldBytes < this.neededBytes) return done();
    this.neededBytes = 0;
    try {
      let rest: Buffer | undefined = Buffer.concat(this.held);
      while (rest !== undefined && !this.isOver) {
        const next = this.takeChunk(rest);
        if (next === undefined) break;
        rest = next;
      }
      this.held = [rest ?? Buffer.alloc(0)];
      this.heldBytes = this.held[0]?.length ?? 0;
      done();
    } catch (thrown) {
      done(thrown as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    done(this.isOver ? null : new BodyRefused("the body ended before its last chunk"));
  }

  /** What follows the first whole chunk; undefined when it is not whole yet. */
  private takeChunk(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf("\r\n");
    if (end < 0 && bytes.length > 200) throw new BodyRefused("no head of a chunk");
    if (end < 0) return undefined;
    const head = bytes.subarray(0, end).toString("latin1");
    const [, size = "", signature = ""] = /^([0-9a-f]{1,8});chunk-signature=([0-9a-f]{64})$/i.exec(head) ?? [];
    const length = Number.parseInt(size, 16);
    if (Number.isNaN(length) || length > mostChunkBytes) throw new BodyRefused("no head of a chunk");
    const from = end + 2;
    if (length > 0 && bytes.length < from + length + 2) {
      this.neededBytes = from + length + 2;
      return undefined;
    }
    const chunk = bytes.subarray(from, from + length);
    if (chunkSignature(this.claimed, this.signingKey, this.before, chunk) !== signature)
      throw new BodyRefused("a chunk is not signed by its client");
    this.before = signature;
    if (length === 0) {
      this.isOver = true;
      return Buffer.alloc(0);
    }
    this.leftBytes -= length;
    if (this.leftBytes < 0) throw new BodyRefused("the body is longer than it said");
    this.push(Buffer.from(chunk));
    return bytes.subarray(from + length + 2);
  }
}

/** A body whose frames are left as they are: no longer than what it says it brings, and a little for the frames. */
export const capped = (saysBytes: number): Transform => {
  let left = saysBytes * 1.05 + 64 * 1024;
  return new Transform({
    transform(piece: Buffer, _, done) {
      left -= piece.length;
      if (left < 0) done(new BodyRefused("the body is longer than it said"));
      else done(null, piece);
    },
  });
};
