import { delimiter, dirname } from "node:path";
import { PulumiCommand } from "@pulumi/pulumi/automation/cmd.js";
import { makeLocalDriver, makeStateDriver } from "../../../platform/compute/index.ts";
import {
  asNebulaError,
  failpoint,
  makeBorrowedVault,
  returnMemoryOfStart,
  Secret,
} from "../../../platform/core/index.ts";
import { makeDirectEffects, serveProvider } from "../../../platform/provider/index.ts";
import { makePool } from "../../../platform/sql/index.ts";
import { backupsOf, byBackups } from "../branching.ts";
import type { JobLoan } from "../lend.ts";
import {
  type FromWorker,
  type Job,
  type JobResult,
  type ToWorker,
  toWireProblem,
  type WorkerSettings,
} from "../messages.ts";
import { act, actOnBranch } from "./act.ts";
import { backUp } from "./backup.ts";
import { importInto } from "./import.ts";
import { type JobTrace, makeJobTrace } from "./job-trace.ts";
import { migrate } from "./migrate.ts";
import { makeRecorder, type Recorder } from "./recorder.ts";
import { runPulumi } from "./run-pulumi.ts";
import { serveStateKey } from "./state-key.ts";
import { inPulumiSpan } from "./step-spans.ts";

/** What a warm worker holds between two jobs. */
export type Tools = Awaited<ReturnType<typeof warmUp>>;

/** Serves jobs one after the other. The parent never sends a second one before the first is answered. */
export function serveWorker(): void {
  let tools: Promise<Tools> | undefined;
  let running = new AbortController();
  const inTrace = makeJobTrace((span) => send({ kind: "span", span }));
  process.on("message", (message: ToWorker) => {
    switch (message.kind) {
      case "settings":
        tools = warmUp(message.settings);
        tools.then(
          () => {
            send({ kind: "warm" });
            returnMemoryOfStart();
          },
          (thrown) => giveUp(thrown),
        );
        return;
      case "interrupt":
        running.abort();
        return;
      case "job":
        failpoint("worker.job-taken");
        running = new AbortController();
        void serveJob(tools, message, inTrace, running.signal);
        return;
    }
  });
}

type JobMessage = Extract<ToWorker, { kind: "job" }>;

async function serveJob(
  tools: Promise<Tools> | undefined,
  message: JobMessage,
  inTrace: JobTrace,
  signal: AbortSignal,
) {
  const { id, job, loan } = message;
  try {
    if (tools === undefined) throw new Error("a job came before the settings");
    const warm = await tools;
    warm.borrow(loan);
    send({ kind: "done", id, result: await inTrace(message, () => run(warm, job, signal)) });
  } catch (thrown) {
    send({ kind: "failed", id, error: toWireProblem(thrown) });
  } finally {
    (await tools?.catch(() => undefined))?.giveBack();
  }
}

const run = async (tools: Tools, job: Job, signal: AbortSignal): Promise<JobResult> =>
  job.kind === "act"
    ? act(tools, job)
    : job.kind === "branch"
      ? actOnBranch(tools, job)
      : job.kind === "import"
        ? importInto(tools, job, (progress) => send({ kind: "progress", progress }), signal)
        : job.kind === "backup"
          ? backUp(tools, job)
          : job.kind === "migrate"
            ? migrate(tools, job, (progress) => send({ kind: "progress", progress }))
            : { kind: "pulumi", outcome: await inPulumiSpan(job, () => runPulumi(tools, job, signal)) };

/** Everything that a job would otherwise wait for: the command's version, connections, the listening provider, the driver. */
async function warmUp(settings: WorkerSettings) {
  let { loan } = settings;
  const vault = makeBorrowedVault(loan.vault);
  const borrow = (next: JobLoan) => {
    loan = next;
    vault.take(next.vault);
  };
  const secretOf = async (_tenant: string, name: string) => {
    const value = loan.secrets[name];
    return value === undefined ? undefined : new Secret(value);
  };
  const sql = makePool({ url: new Secret(settings.ledgerUrl), max: 6, applicationName: "nebula deploy worker" });
  const { dataDir, pgBin } = settings;
  const observe = (observation: (FromWorker & { kind: "observation" })["observation"]) =>
    send({ kind: "observation", observation });
  const local = settings.compute === "state" ? undefined : await makeLocalDriver({ dataDir, pgBin, vault, observe });
  const driver = local ?? makeStateDriver({ dataDir });
  const backups = backupsOf(local, vault, settings.backups);
  const archive = settings.backups?.on === true;
  const direct = makeDirectEffects({ sql, vault, driver, secretOf, archive, ...byBackups(backups) });
  const recorder: Recorder = makeRecorder((progress) => send({ kind: "progress", progress }));
  const provider = await serveProvider(recorder.effects);
  const command = await findPulumi(settings.pulumiBin);
  const stateKey = await serveStateKey();
  await sql.query("select 1");
  const giveBack = () => borrow(settings.loan);
  const machines = { driver, machine: local, backups, direct, recorder, provider };
  return { settings, vault, observe, sql, ...machines, command, stateKey, borrow, giveBack };
}

/** The SDK finds the command on PATH, or in a folder laid out as Pulumi's own: ours is put first on PATH. */
async function findPulumi(path: string): Promise<PulumiCommand> {
  process.env.PATH = `${dirname(path)}${delimiter}${process.env.PATH ?? ""}`;
  return PulumiCommand.get({ skipVersionCheck: true });
}

function send(message: FromWorker): void {
  process.send?.(message, () => undefined);
}

function giveUp(thrown: unknown): void {
  console.error(asNebulaError(thrown).message);
  process.exit(1);
}
