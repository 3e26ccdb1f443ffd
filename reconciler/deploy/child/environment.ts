import type { Secret } from "../../../platform/core/index.ts";
import { stateSchema } from "../../../platform/store/index.ts";

/**
 * Where Pulumi keeps the state of a stack: the tenant's schema of the ledger. Every session of it shows the operation's fence,
 * and the database refuses the write when it is not the newest.
 */
export function stateUrl(
  ledgerUrl: string,
  { stack, fence }: { readonly stack: string; readonly fence: number },
): string {
  const url = new URL(ledgerUrl);
  const [tenant = ""] = stack.split(".");
  const options = `-c search_path=${stateSchema(tenant)} -c nebula.fence=${fence}`;
  url.search = `?sslmode=disable&options=${encodeURIComponent(options)}`;
  return url.href;
}

/** Nothing is downloaded, asked or reported; the provider is the one that already listens here. */
export function pulumiEnvironment(backend: string, passphrase: Secret, providerPort: number): Record<string, string> {
  return {
    GOGC: "400", // a command lives for half a second: fewer collections save 30 ms of it
    PULUMI_BACKEND_URL: backend,
    PULUMI_CONFIG_PASSPHRASE: passphrase.reveal(),
    PULUMI_DEBUG_PROVIDERS: `nebula:${providerPort}`,
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
    PULUMI_SKIP_UPDATE_CHECK: "1",
    NO_COLOR: "1",
  };
}
