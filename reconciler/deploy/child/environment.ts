import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Secret } from "../../../platform/core/index.ts";
import { stateSchema } from "../../../platform/store/index.ts";

/**
 * Where Pulumi keeps the state of a stack: the tenant's schema of the ledger. Every session of it shows the operation's fence,
 * and the database refuses the write when it is not the newest. The password is not in it: see `keepSecrets`.
 */
export function stateUrl(
  ledgerUrl: string,
  { stack, fence }: { readonly stack: string; readonly fence: number },
): string {
  const url = new URL(ledgerUrl);
  url.password = "";
  const [tenant = ""] = stack.split(".");
  const options = `-c search_path=${stateSchema(tenant)} -c nebula.fence=${fence}`;
  url.search = `?sslmode=disable&options=${encodeURIComponent(options)}`;
  return url.href;
}

/** What the command must know, as files of a closed folder: an environment can be read for as long as the command runs. */
export async function keepSecrets(
  folder: string,
  ledgerUrl: string,
  passphrase: Secret,
): Promise<Readonly<Record<string, string>>> {
  const url = new URL(ledgerUrl);
  const line = [url.hostname, url.port || "5432", url.pathname.slice(1), url.username, url.password]
    .map((part) => decodeURIComponent(part).replaceAll(/[\\:]/g, "\\$&"))
    .join(":");
  const files = { PGPASSFILE: join(folder, "pgpass"), PULUMI_CONFIG_PASSPHRASE_FILE: join(folder, "passphrase") };
  await writeFile(files.PGPASSFILE, `${line}\n`, { mode: 0o600 });
  await writeFile(files.PULUMI_CONFIG_PASSPHRASE_FILE, passphrase.reveal(), { mode: 0o600 });
  return files;
}

/** Nothing is downloaded, asked or reported; the provider is the one that already listens here. */
export function pulumiEnvironment(
  backend: string,
  secrets: Readonly<Record<string, string>>,
  providerPort: number,
): Record<string, string> {
  return {
    ...secrets,
    GOGC: "400", // a command lives for half a second: fewer collections save 30 ms of it
    PULUMI_BACKEND_URL: backend,
    PULUMI_DEBUG_PROVIDERS: `nebula:${providerPort}`,
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
    PULUMI_SKIP_UPDATE_CHECK: "1",
    NO_COLOR: "1",
  };
}
