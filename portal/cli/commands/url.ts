import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import { CommandFailure } from "../failure.ts";
import { printData, say } from "../output.ts";
import { configFolder } from "../settings.ts";
import type { Credentials } from "../types.ts";
import { connect, type Output, withOutput } from "./shared.ts";

/** `db url`: an address that any Postgres client understands, which verifies the server. */
export function addUrlCommand(db: Command): void {
  withOutput(
    db
      .command("url")
      .description("print the address of a database, with the password; the server is verified by its certificate")
      .argument("<database>"),
  )
    .option("--pooled", "of the pooled endpoint: for many short sessions")
    .option("--read-only", "of its standbys, one after the other")
    .option("--role <role>", "another role than the owner")
    .action(run);
}

async function run(
  text: string,
  options: Output & { readonly pooled?: boolean; readonly readOnly?: boolean; readonly role?: string },
): Promise<void> {
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const { endpoints } = await client.get<Credentials>(`${path}/credentials`, { role: options.role });
  const { pooled, readOnly } = endpoints;
  if (options.pooled === true && pooled === null)
    throw new CommandFailure("this platform has no pooled endpoint", { hint: "`nebula doctor` says what it lacks." });
  if (options.readOnly === true && readOnly === null)
    throw new CommandFailure("it has no standbys", { hint: "Declare `replicas: 1` or more." });
  const urls = verifiedUrls(endpoints);
  if (options.output !== "table") return printData(urls, options.output);
  const wanted = options.readOnly === true ? "readOnly" : options.pooled === true ? "pooled" : "direct";
  process.stdout.write(`${urls[wanted]}\n`);
  if (wanted === "direct" && urls.pooled !== null) say("  --pooled prints the address for many short sessions");
}

/** Addresses that verify the server: the authority's certificate is kept beside this user's settings. */
export function verifiedUrls({ direct, pooled, readOnly, rootCertificate }: Credentials["endpoints"]) {
  const root = rootCertificate === null ? null : keepCertificate(rootCertificate);
  const verified = (url: string) => (root === null ? url : `${url}&sslrootcert=${encodeURIComponent(root)}`);
  return {
    direct: verified(direct.url),
    pooled: pooled === null ? null : verified(pooled.url),
    readOnly: readOnly === null ? null : verified(readOnly.url),
    rootCertificate: root,
  };
}

/** The authority's certificate as a file of this user's, where libpq and others look for `sslrootcert`. */
function keepCertificate(pem: string): string {
  const name = createHash("sha256").update(pem).digest("hex").slice(0, 12);
  const path = join(configFolder(process.env), `ca-${name}.pem`);
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, pem, { mode: 0o644 });
  return path;
}
