/**
 * The reconciler with everything that writes - source, review, deployments, usage, drift, status - and fast clocks, to be killed:
 * `node reconciler-process.ts <options as JSON>`. Only Pulumi's preview is a stand-in.
 */
import { join } from "node:path";
import { makeLocalDriver } from "../../platform/compute/index.ts";
import { makeVault, type Observe, Secret, systemClock } from "../../platform/core/index.ts";
import { makeEvaluator } from "../../platform/evaluate/index.ts";
import { makePool } from "../../platform/sql/index.ts";
import { makeDeployer } from "../../reconciler/deploy/index.ts";
import { makeDriftPass } from "../../reconciler/drift/index.ts";
import { makeStatusPass } from "../../reconciler/observe/index.ts";
import { makeReconciler, recordOutcome } from "../../reconciler/reconcile.ts";
import { makeHosts, makeMirrors } from "../../reconciler/source/index.ts";
import { makeUsageWorker, observeWith } from "../../reconciler/usage/index.ts";

export type ProcessOptions = {
  readonly ledgerUrl: string;
  readonly masterKey: string;
  readonly dataDir: string;
  readonly pgBin: string;
  readonly pulumiBin: string;
};

const options = JSON.parse(process.argv[2] ?? "{}") as ProcessOptions;
const { dataDir, pgBin, pulumiBin } = options;
const [ledgerUrl, masterKey] = [new Secret(options.ledgerUrl), new Secret(options.masterKey)];
const observe: Observe = (observation) => {
  if (observation.kind === "fault") console.error(`${observation.where}: ${observation.code} ${observation.message}`);
};
const sql = makePool({ url: ledgerUrl, applicationName: "to be killed", max: 8 });
const [vault, clock] = [makeVault(masterKey), systemClock];
const driver = await makeLocalDriver({ dataDir, pgBin, vault, observe, spares: 0 });
const deployer = await makeDeployer({
  ...{ sql, ledgerUrl, vault, dataDir, pgBin, pulumiBin, observe, clock, concurrency: 1 },
  ...{ onEnded: recordOutcome, leaseSeconds: 3, heartbeatMs: 500, pollMs: 100 },
});
const reconciler = makeReconciler({
  ...{ sql, clock, observe, hosts: makeHosts(vault), evaluator: makeEvaluator({ observe }) },
  mirrors: makeMirrors(join(dataDir, "mirror")),
  preview: async ({ stack }) => ({ summary: "1 to change", text: `~ ${stack}` }),
  ...{ portalUrl: "http://127.0.0.1:1", times: { leaseSeconds: 3, heartbeatMs: 500 } },
  pollMs: 1500,
});
await Promise.all([deployer.start(), reconciler.start()]);
makeStatusPass({ sql, driver, observe, intervalMs: 1000 }).start();
makeUsageWorker({ sql, clock, observe: observeWith(driver), report: observe, sampleEveryMs: 500 }).start();
makeDriftPass({ sql, driver, vault, observe, intervalMs: 800, periodMs: 4000 }).start();
console.log("ready");
