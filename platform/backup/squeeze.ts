/** How a piece is packed: by zstd, in buffers of a mebibyte, because each that is filled is a way to another thread and back. */
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { constants, createZstdCompress, createZstdDecompress, zstdCompress, zstdDecompress } from "node:zlib";

const chunkSize = 1024 * 1024;
/** A backup is taken beside a database at work: the level that takes a third of the usual one's time, and packs about as tightly. */
const params = { [constants.ZSTD_c_compressionLevel]: 1 };

const whole = promisify(zstdCompress);
const back = promisify(zstdDecompress);

/** What is in memory, packed. */
export const squeezeWhole = (bytes: Buffer): Promise<Buffer> => whole(bytes, { params });

/** And unpacked, which is no longer than that. @throws ERR_BUFFER_TOO_LARGE, ZSTD_... when it is not what was packed */
export const unsqueezeWhole = (bytes: Buffer, mostBytes: number): Promise<Buffer> =>
  back(bytes, { chunkSize: mostBytes, maxOutputLength: mostBytes });

/** A stream, packed. What broke the source is what the reader sees. */
export const squeeze = (source: AsyncIterable<Buffer>): Readable =>
  through(source, createZstdCompress({ chunkSize, params }));

/** A stream of the store, unpacked. What broke the source is what the reader sees. */
export const unsqueeze = (source: AsyncIterable<Buffer>): Readable =>
  through(source, createZstdDecompress({ chunkSize }));

function through(source: AsyncIterable<Buffer>, step: NodeJS.ReadWriteStream): Readable {
  const target = new PassThrough({ highWaterMark: chunkSize });
  pipeline(Readable.from(source), step, target).catch((thrown) => target.destroy(thrown));
  return target;
}
