import { readFileSync, statSync } from "node:fs";
import { Secret } from "./secret.ts";

/**
 * A secret from a file, without the line's end. Nobody but this process's user may read it; a file of another user (a mounted
 * secret belongs to root) may be readable by our group, as Kubernetes mounts it with an fsGroup.
 * @throws Error that names the file and what is wrong with it, never its content.
 */
export function readSecretFile(file: string): Secret {
  let mode: number;
  let text: string;
  try {
    const found = statSync(file);
    mode = found.uid === process.getuid?.() ? found.mode & 0o077 : found.mode & 0o037;
    text = mode === 0 ? readFileSync(file, "utf8").replace(/\r?\n$/, "") : "";
  } catch (thrown) {
    throw new Error(`file ${file} cannot be read (${(thrown as NodeJS.ErrnoException).code ?? "unknown reason"})`);
  }
  if (mode !== 0) throw new Error(`file ${file} is open to others; close it: chmod 600 ${file}`);
  if (text === "") throw new Error(`file ${file} is empty`);
  return new Secret(text);
}
