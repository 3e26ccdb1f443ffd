import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What unknown names are answered is made of one: kept, so that a restart does not show which names are real. The portal is shown the
 * others, which it reads here too: only a gateway of this data folder may ask it about keys, and credentials of buckets follow from one.
 */
export function keepSecret(dataDir: string, name: "mock-secret" | "portal-secret" | "files-secret"): Buffer {
  const folder = join(dataDir, "gateway");
  const file = join(folder, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    const kept = readFileSync(file);
    if (kept.length === 32) return kept;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
  }
  const made = randomBytes(32);
  writeFileSync(`${file}.new`, made, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return made;
}
