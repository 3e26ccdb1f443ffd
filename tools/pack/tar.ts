import { gzipSync } from "node:zlib";

/**
 * A gzipped tar of text files, as npm reads it (everything below `package/`). The same files give the same bytes: no times, no
 * owners, files in path order.
 */
export function packTar(files: ReadonlyMap<string, string>): Buffer {
  const blocks = [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([path, text]) => {
      const body = Buffer.from(text);
      return [header(`package/${path}`, body.length), body, Buffer.alloc(padding(body.length))];
    });
  const tarred = gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]), { level: 9 });
  tarred[9] = 255; // the operating system that packed it: unknown
  return tarred;
}

const padding = (length: number): number => (512 - (length % 512)) % 512;

/** A ustar header: offsets and widths as in POSIX.1-1988. */
function header(path: string, size: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is longer than a tar header holds`);
  const block = Buffer.alloc(512);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, "0")}\0`;
  block.write(path, 0);
  block.write(octal(0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(" ".repeat(8), 148);
  block.write("0", 156);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
