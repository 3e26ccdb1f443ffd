import type { BackupSettings } from "../../platform/backup/index.ts";
import { makeLocalDriver, makeStateDriver } from "../../platform/compute/index.ts";
import {
  asNebulaError,
  type Clock,
  failpoint,
  ignoreObservations,
  noTracer,
  type Observe,
  ourHolder,
  type Secret,
  systemClock,
  type Tracer,
  type Vault,
} from "../../platform/core/index.ts";
import { makeLedgerSecrets, type TenantSecrets } from "../../platform/keys/index.ts";
import { makeDirectEffects } from "../../platform/provider/index.ts";
import type { Pool, Sql } from "../../platform/sql/index.ts";
import {
  type Claim,
  claimOperation,
  type Operation,
  type OperationType,
  workerTypes,
} from "../../platform/store/index.ts";
import { backupsOf, byBackups } from "./branching.ts";
import { claimInTrace } from "./claim-trace.ts";
import { clearScratch } from "./clear-scratch.ts";
import { makeEffectsExecutor } from "./effects-executor.ts";
import { expireDeadHolders } from "./holder.ts";
import { makeLender } from "./lend.ts";
import { makePreview, type Preview, type PreviewRequest } from "./preview.ts";
import { runClaim } from "./run-claim.ts";
import type { WorkerProcess } from "./worker-process.ts";
import { makeWorkers } from "./workers.ts";

export type DeployerOptions = {
  readonly sql: Pool;
  readonly ledgerUrl: Secret;
  readonly vault: Vault;
  /** Where tenants' own secrets are. Default: in the ledger. */
  readonly secrets?: TenantSecrets;
  readonly dataDir: string;
  readonly pgBin: string;
  /** Path of the `pulumi` command. */
  readonly pulumiBin: string;
  /** Default: `local`. With `state` nothing runs: for measuring the control plane. */
  readonly compute?: "local" | "state";
  /** `host` or `host:port` inside the network that an import may ask, comma-separated. Default: none. */
  readonly insideHosts?: string;
  /** Where databases are backed up to. Default: nowhere. */
  readonly backups?: BackupSettings;
  /** Operations at a time; as many warm processes. Default: 3. */
  readonly concurrency?: number;
  readonly observe?: Observe;
  /** Default: nothing is traced. */
  readonly tracer?: Tracer;
  /** Written in the transaction that ends an operation: the project's status. */
  readonly onEnded?: (tx: Sql, operation: Operation) => Promise<void>;
  readonly clock?: Clock;
  readonly leaseSeconds?: number;
  readonly heartbeatMs?: number;
  readonly graceMs?: number;
  readonly pollMs?: number;
  /** Who holds the leases. Default: this process. */
  readonly holder?: string;
  /** For tests: another script than the real worker. */
  readonly workerScript?: string;
};

export type Deployer = {
  /** Begins to claim and run; resolves when it listens. */
  start(): Promise<void>;
  /** What `pulumi up` would do to a stack, without lock, lease or any write. */
  preview(request: PreviewRequest): Promise<Preview>;
  /** Stops claiming, asks what runs to stop, and returns when no process is left. */
  close(): Promise<void>;
  /** For status pages: the operations that run here. */
  running(): readonly Claim[];
};

/** What this room runs. */
export const deployTypes: readonly OperationType[] = workerTypes;

/** Claims operations and runs each in a warm worker, for as long as it is open. */
export async function makeDeployer(options: DeployerOptions): Promise<Deployer> {
  const { sql, observe = ignoreObservations, clock = systemClock, concurrency = 3, pollMs = 1000 } = options;
  const { leaseSeconds = 15, heartbeatMs = 5000, graceMs = 5000, onEnded = async () => undefined } = options;
  const { dataDir, pgBin, pulumiBin, compute = "local", holder = ourHolder(), insideHosts = "" } = options;
  const { vault, secrets = makeLedgerSecrets(sql, vault), tracer = noTracer } = options;
  const [ledgerUrl, lender] = [options.ledgerUrl.reveal(), makeLender({ sql, vault, secrets })];
  const workers = makeWorkers(concurrency, {
    tracer,
    ...{ ledgerUrl, lender, dataDir, pgBin, pulumiBin, compute, observe, insideHosts },
    backups: options.backups,
    ...(options.workerScript === undefined ? {} : { script: options.workerScript }),
  });
  const local = compute === "state" ? undefined : await makeLocalDriver({ dataDir, pgBin, vault, observe });
  const driver = local ?? makeStateDriver({ dataDir });
  const backups = backupsOf(local, vault, options.backups);
  const archive = options.backups?.on === true;
  const direct = makeDirectEffects({ sql, vault, driver, secretOf: secrets.get, archive, ...byBackups(backups) });
  const executor = makeEffectsExecutor({ sql, observe, direct });
  const running = new Map<Claim, { readonly worker: WorkerProcess; readonly done: Promise<void> }>();
  const pokes = new Map<string, () => void>();
  const supervision = { sql, clock, observe, leaseSeconds, heartbeatMs, graceMs, pokes };
  let closed = false;
  let filling: Promise<void> | undefined;
  let again = false;

  /** Gives every idle worker an operation, as long as there are both. */
  const fill = async (): Promise<void> => {
    for (let worker = workers.tryBorrow(); worker !== undefined && !closed; worker = workers.tryBorrow()) {
      const claim = await claimOperation(sql, { holder, leaseSeconds, types: deployTypes }).catch((thrown) => {
        report("deploy.claim", thrown);
        return undefined;
      });
      if (claim === undefined) return workers.putBack(worker);
      workers.keepReserve();
      begin(claim, worker);
    }
  };

  const begin = (claim: Claim, worker: WorkerProcess) => {
    const { id, type } = claim.operation;
    const { stack, fence, waitMs } = claim;
    failpoint("deploy.claimed");
    const run = () => {
      observe({ kind: "operation.claimed", operation: id, stack, type, fence, waitMs });
      return runClaim({ ...supervision, onEnded, mark: driver.mark }, claim, worker);
    };
    const done = claimInTrace(tracer, claim, run)
      .catch((thrown) => report("deploy.run", thrown))
      .finally(() => {
        running.delete(claim);
        workers.giveBack(worker);
        wake();
      });
    running.set(claim, { worker, done });
  };

  /** One filling at a time; a call during one makes it look once more. */
  const wake = (): void => {
    again = true;
    filling ??= (async () => {
      while (again && !closed) {
        again = false;
        await fill();
      }
    })().finally(() => {
      filling = undefined;
      if (again && !closed) wake();
    });
  };

  const report = (where: string, thrown: unknown) => {
    const { code, message, stack } = asNebulaError(thrown);
    observe({ kind: "fault", where, code, message, ...(stack === undefined ? {} : { stack }) });
  };

  const poll = async () => {
    await expireDeadHolders(sql).catch((thrown) => report("deploy.poll", thrown));
    wake();
    executor.wake();
  };

  const releases: (() => unknown)[] = [];
  const { preview, close: closePreview } = makePreview({ sql, workers, clock });
  workers.onIdle(wake);
  return {
    async start() {
      await clearScratch(dataDir);
      void driver.prepare().catch((thrown) => report("deploy.prepare", thrown));
      const told = (id: string) => {
        pokes.get(id)?.();
        wake();
      };
      releases.push(await sql.listen("nebula_operations", told));
      releases.push(await sql.listen("nebula_effects", executor.wake));
      const polling = setInterval(() => void poll(), pollMs);
      releases.push(() => clearInterval(polling));
      await poll();
    },
    preview,
    running: () => [...running.keys()],
    async close() {
      closed = true;
      for (const release of releases.splice(0)) await release();
      await filling;
      closePreview();
      for (const { worker } of running.values()) worker.interrupt();
      const ended = Promise.all([...running.values()].map(({ done }) => done));
      await Promise.race([ended, clock.sleep(graceMs)]);
      await workers.close();
      await ended;
      await executor.close();
      await driver.close();
    },
  };
}
