/** `nebula down`: the supervisor stops in order; what a killed one left is stopped here. Nothing is left running. */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type DataFolder, layout, locateData, readSecrets, readSettings } from "../data-folder.ts";
import { ledgerServer } from "../ledger.ts";
import { lockOwner, withLock } from "../lock.ts";
import { end } from "../pid-file.ts";
import { removePlatform } from "../platform-file.ts";
import { defaultPort, portsFrom } from "../ports.ts";
import { type Format, print } from "../print.ts";
import { isSame } from "../processes.ts";
import { lockPath } from "../running.ts";
import { endDatabases, endMains } from "../shutdown.ts";
import { findPostgres } from "../toolchain/postgres.ts";
import { makeSay, quiet } from "../toolchain/say.ts";

export async function down(options: { readonly data?: string; readonly output: Format }): Promise<void> {
  const say = makeSay();
  const folder = layout(locateData(options.data, process.env));
  const stopped = existsSync(folder.run) ? await takeDown(folder, process.env, say) : [];
  say.done();
  await print({ stopped, data: folder.root }, options.output, () =>
    stopped.length === 0 ? `nothing runs in ${folder.root}` : `stopped: ${stopped.join(", ")}`,
  );
}

/** Returns the names of what was stopped. */
export async function takeDown(folder: DataFolder, env: NodeJS.ProcessEnv, say = quiet): Promise<string[]> {
  const supervisor = lockOwner(lockPath(folder));
  if (supervisor) {
    say.step("stopping");
    process.kill(supervisor.pid, "SIGTERM");
    const deadline = performance.now() + 60_000;
    while (isSame(supervisor) && performance.now() < deadline) await sleep(20);
    if (isSame(supervisor)) await end(supervisor, 0);
  }
  return withLock(lockPath(folder), async () => [
    ...(supervisor ? ["platform"] : []),
    ...(await endMains(folder, 10_000)),
    ...(await endServers(folder, env)),
  ]);
}

async function endServers(folder: DataFolder, env: NodeJS.ProcessEnv): Promise<string[]> {
  removePlatform(folder);
  const postgres = existsSync(folder.ledger) ? await findPostgres(env) : undefined;
  if (postgres === undefined) return [];
  const { ledgerPassword } = readSecrets(folder);
  const { ledger: port } = portsFrom(readSettings(folder).port ?? defaultPort);
  const server = await ledgerServer(folder, { pgBin: postgres.binDir, port, password: ledgerPassword });
  const databases = await endDatabases(folder, postgres.binDir);
  return [...databases, ...((await server.stop("fast")) ? ["ledger"] : [])];
}
