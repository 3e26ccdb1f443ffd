/**
 * What runs once before a new version's mains, as the ledger's owner: a Kubernetes Job's command. `nebula up` does the same in
 * its own process. Prints the migrations that it applied, as one JSON line.
 */
import { asNebulaError, optional, resolveConfig, secret } from "../core/index.ts";
import { connectOnce } from "../sql/index.ts";
import { prepareForge, prepareLedger } from "./prepare.ts";

const fields = {
  NEBULA_OWNER_URL: secret(),
  NEBULA_APP_PASSWORD: secret(),
  /** The embedded forge's database, as the owner too, where there is one. */
  NEBULA_FORGE_OWNER_URL: optional(secret()),
  NEBULA_FORGE_PASSWORD: optional(secret()),
};

try {
  const config = resolveConfig(process.env, fields);
  const { NEBULA_FORGE_OWNER_URL: forgeUrl, NEBULA_FORGE_PASSWORD: forgePassword } = config;
  const applied = await connectOnce(config.NEBULA_OWNER_URL, (owner) =>
    prepareLedger(owner, config.NEBULA_APP_PASSWORD),
  );
  if (forgeUrl !== undefined && forgePassword !== undefined)
    await connectOnce(forgeUrl, (owner) => prepareForge(owner, forgePassword));
  process.stdout.write(`${JSON.stringify({ applied })}\n`);
} catch (thrown) {
  const { code, message, hint } = asNebulaError(thrown);
  process.stderr.write(`${JSON.stringify({ level: "error", process: "migrate", code, message, hint })}\n`);
  process.exitCode = 1;
}
