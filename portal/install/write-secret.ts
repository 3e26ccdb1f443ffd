import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Secret } from "../../platform/core/index.ts";

/** Into <data>/secrets, whole or not at all. */
export function writeSecret(data: string, name: string, value: Secret): void {
  const folder = join(data, "secrets");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, name);
  writeFileSync(`${file}.new`, `${value.reveal()}\n`, { mode: 0o600 });
  chmodSync(`${file}.new`, 0o600);
  renameSync(`${file}.new`, file);
}
