import { join } from "node:path";
import { resolveOsUser } from "../../../platform/compute/index.ts";
import { databaseMissing } from "../../../platform/provider/index.ts";
import { credentialContext, getCredential } from "../../../platform/store/index.ts";
import { importDatabase } from "../../../platform/transfer/index.ts";
import { type ImportJob, type JobResult, type Progress, toWireProblem } from "../messages.ts";
import type { Tools } from "./worker.ts";

/** Copies a running Postgres into one database; its lines of progress are the operation's. */
export async function importInto(
  { sql, vault, driver, settings }: Tools,
  { database: id, sealedUrl }: ImportJob,
  tell: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<JobResult> {
  try {
    const seen = await driver.observe(id);
    const owner = seen === undefined ? undefined : await getCredential(sql, vault, id, seen.ownerRole);
    if (seen === undefined || owner === undefined) throw databaseMissing(`${id} has not been made yet`);
    const { host, socketPort, databaseName, ownerRole } = seen;
    const imported = await importDatabase({
      source: vault.open(sealedUrl, credentialContext(id, "import")),
      policy: { inside: settings.insideHosts.split(",").map((one) => one.trim()) },
      target: { host, port: socketPort, database: databaseName, user: ownerRole, password: owner },
      wake: async () => void (await driver.start(id)),
      pgBin: settings.pgBin,
      user: await resolveOsUser(),
      folder: join(settings.dataDir, "transfer"),
      tell: (phase, message) => tell({ phase, message }),
      signal,
    });
    return { kind: "acted", faults: [], about: imported };
  } catch (thrown) {
    return { kind: "acted", faults: [{ ...toWireProblem(thrown), database: id }] };
  }
}
