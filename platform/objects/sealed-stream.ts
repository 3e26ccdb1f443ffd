/**
 * The one format of sealed streams: AES-256-GCM in pieces of 1 MiB, so that a stream of any length is authenticated while it is
 * read and no byte of it is handed on before it was.
 *
 *     "NDBS1\n" | salt (32) | piece ...        piece: ciphertext (1 MiB; the last one shorter or equal) | tag (16)
 *
 * 1. Each object has a key of its own: HKDF of the given key, the random salt and the object's name. Renamed, it does not open.
 * 2. A piece's nonce is its number and whether it is the last: none can be dropped, doubled, moved, or cut off at the end.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { Secret } from "../core/index.ts";
import { sealedDamaged } from "./errors.ts";

const magic = Buffer.from("NDBS1\n");
const saltBytes = 32;
const headerBytes = magic.length + saltBytes;
const pieceBytes = 1024 * 1024;
const tagBytes = 16;

const keyOf = (key: Secret, salt: Buffer, name: string): Buffer =>
  Buffer.from(hkdfSync("sha256", key.reveal(), salt, `nebuladb:sealed:v1:${name}`, 32));

function nonceOf(number: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(last ? 1 : 0, 0);
  nonce.writeBigUInt64BE(BigInt(number), 4);
  return nonce;
}

/** How many bytes a stream of that many becomes. */
export const sealedSize = (plainBytes: number): number =>
  headerBytes + plainBytes + tagBytes * Math.max(1, Math.ceil(plainBytes / pieceBytes));

type Bytes = AsyncIterable<Buffer> | Iterable<Buffer>;

/** For `stream/promises` pipelines: `pipeline(source, sealStream(key, name), target)`. */
export const sealStream = (key: Secret, name: string) =>
  async function* seal(source: Bytes): AsyncGenerator<Buffer> {
    const salt = randomBytes(saltBytes);
    const own = keyOf(key, salt, name);
    yield Buffer.concat([magic, salt]);
    let number = 0;
    for await (const { bytes, last } of inPieces(source, pieceBytes)) {
      const cipher = createCipheriv("aes-256-gcm", own, nonceOf(number++, last));
      const body = cipher.update(bytes);
      cipher.final();
      yield Buffer.concat([body, cipher.getAuthTag()]);
    }
  };

/** @throws NEB413 in the stream, before anything wrong was handed on. */
export const openStream = (key: Secret, name: string) =>
  async function* open(source: Bytes): AsyncGenerator<Buffer> {
    let own: Buffer | undefined;
    let number = 0;
    for await (const { bytes, last } of inPieces(source, pieceBytes + tagBytes, headerBytes)) {
      if (own === undefined) {
        if (bytes.length !== headerBytes || !bytes.subarray(0, magic.length).equals(magic) || last)
          throw sealedDamaged(`${name} does not begin like a sealed piece`, { fields: { name } });
        own = keyOf(key, bytes.subarray(magic.length), name);
      } else yield openPiece(own, bytes, { number: number++, last, name });
    }
    if (number === 0) throw sealedDamaged(`${name} is cut off`, { fields: { name } });
  };

type Piece = { readonly number: number; readonly last: boolean; readonly name: string };

function openPiece(key: Buffer, bytes: Buffer, { number, last, name }: Piece): Buffer {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(number, last), { authTagLength: tagBytes });
    decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
    const plain = decipher.update(bytes.subarray(0, bytes.length - tagBytes));
    decipher.final();
    return plain;
  } catch (cause) {
    throw sealedDamaged(`${name} does not open at byte ${number * pieceBytes}`, { cause, fields: { name } });
  }
}

/** Cuts a stream into a first part (when asked for) and equal ones after it; says which is the last, which may be empty or short. */
async function* inPieces(source: Bytes, sizeBytes: number, firstBytes = sizeBytes) {
  let held: Buffer[] = [];
  let length = 0;
  let wanted = firstBytes;
  for await (const chunk of source) {
    held.push(chunk);
    length += chunk.length;
    // one byte more than a piece proves that it is not the last
    while (length > wanted) {
      const all = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
      yield { bytes: all.subarray(0, wanted), last: false };
      held = [all.subarray(wanted)];
      length -= wanted;
      wanted = sizeBytes;
    }
  }
  yield { bytes: Buffer.concat(held), last: true };
}
