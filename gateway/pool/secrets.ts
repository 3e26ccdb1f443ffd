import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Secret } from "../../platform/core/index.ts";
import { makeVerifier } from "../../platform/sql/index.ts";

export type PoolSecrets = {
  readonly auth: string;
  readonly console: string;
  readonly consoleVerifier: string;
};

/** The passwords between us and PgBouncer: made once, so that a PgBouncer that outlived us still lets us in. Only we read the file. */
export async function poolSecrets(folder: string): Promise<PoolSecrets> {
  const path = join(folder, "secrets.json");
  const found = await readFile(path, "utf8").catch(() => undefined);
  if (found !== undefined) return JSON.parse(found) as PoolSecrets;
  const [auth, console] = [randomBytes(24).toString("base64url"), randomBytes(24).toString("base64url")];
  const secrets = { auth, console, consoleVerifier: await makeVerifier(new Secret(console)) };
  await writeFile(`${path}.new`, JSON.stringify(secrets), { mode: 0o600 });
  await rename(`${path}.new`, path);
  return secrets;
}
