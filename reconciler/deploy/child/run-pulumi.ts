import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { EngineEvent } from "@pulumi/pulumi/automation/events.js";
import { LocalWorkspace } from "@pulumi/pulumi/automation/localWorkspace.js";
import { Stack } from "@pulumi/pulumi/automation/stack.js";
import { Project } from "../../../platform/components/index.ts";
import { failpoint } from "../../../platform/core/index.ts";
import type { Effects } from "../../../platform/provider/index.ts";
import type { Sql } from "../../../platform/sql/index.ts";
import { readCheckpoint, statePassphrase, writeCheckpoint } from "../../../platform/store/index.ts";
import { withoutManager } from "../checkpoint.ts";
import type { DeployJob, PreviewJob, PulumiOutcome } from "../messages.ts";
import { keepSecrets, pulumiEnvironment, stateUrl } from "./environment.ts";
import { makeEventLog } from "./event-log.ts";
import { previewStore } from "./preview-store.ts";
import { makeStepSpans } from "./step-spans.ts";
import { commandFailed, wrongPassphrase } from "./translate.ts";
import type { Tools } from "./worker.ts";

/**
 * The one place that calls the Automation API.
 *
 * 1. One command a job: `up` or `preview`. The SDK would run five more, one after the other (version, select, outputs twice,
 *    history): the version is known since the worker was warmed, the stack exists (the parent saw or made its checkpoint), outputs
 *    and summary come with the events.
 * 2. A work dir of its own for each job: the SDK and the command keep shared state in it.
 * 3. The outcome is judged by the summary event and the command's exit. What the SDK throws after a good exit (its check for
 *    promises that leaked) is not an outcome.
 * 4. A preview runs on a copy of the state: it has nothing that it could write to.
 */
export async function runPulumi(
  tools: Tools,
  job: DeployJob | PreviewJob,
  signal: AbortSignal,
): Promise<PulumiOutcome> {
  const workDir = await mkdtemp(join(tools.settings.scratchDir, `${job.stack}-`));
  const secretDir = await mkdtemp(join(tools.settings.secretDir, `${job.stack}-`));
  const passphrase = statePassphrase(tools.vault, job.spec.tenant);
  const secrets = await keepSecrets(secretDir, tools.settings.ledgerUrl, passphrase);
  const run = (salt: string | null) => runOnce({ ...tools, secrets }, job, workDir, salt, signal);
  tools.stateKey.use(passphrase);
  try {
    const first = await run(job.salt);
    const outcome = wrongPassphrase(first) && job.salt !== null ? await run(null) : first;
    // What cannot be done now, because the fence is another's, is done by who prepares the state next.
    if (job.kind === "deploy") await forgetManager(tools.sql, job.stack, job.fence).catch(() => undefined);
    return outcome;
  } finally {
    tools.stateKey.use(undefined);
    for (const folder of [workDir, secretDir]) await rm(folder, { recursive: true, force: true });
  }
}

type WithSecrets = Tools & { readonly secrets: Readonly<Record<string, string>> };

async function runOnce(
  tools: WithSecrets,
  job: DeployJob | PreviewJob,
  workDir: string,
  salt: string | null,
  signal: AbortSignal,
): Promise<PulumiOutcome> {
  const log = makeEventLog();
  const spans = makeStepSpans(job.stack);
  const output: string[] = [];
  const stack = await openStack(tools, job, workDir, salt);
  const options = {
    program: async () => ({ databases: new Project(job.spec).databases }),
    onEvent: (event: EngineEvent) => {
      failpoint("worker.pulumi-event");
      log.add(event);
      spans.add(event);
    },
    onOutput: (text: string) => output.push(text),
    onError: (text: string) => log.stderr(text),
    color: "never",
    suppressProgress: true,
    signal,
  } as const;
  tools.recorder.begin(effectsOf(tools, job));
  let failed = false;
  try {
    if (job.kind === "preview") await stack.preview({ ...options, diff: true, suppressOutputs: true });
    else await stack.up({ ...options, suppressOutputs: true, refresh: job.refresh, parallel: 4 });
  } catch (thrown) {
    failed = commandFailed(thrown);
  }
  failpoint("worker.pulumi-ended");
  const { faults, providerMs } = tools.recorder.end();
  return log.close({ failed, faults, providerMs, text: output.join("") });
}

/** A stack that is known to exist: nothing is selected, and nobody asks for outputs and history afterwards. */
async function openStack(
  { settings, provider, secrets, command, stateKey }: WithSecrets,
  job: DeployJob | PreviewJob,
  workDir: string,
  salt: string | null,
): Promise<Stack> {
  const backend = job.kind === "preview" ? await previewStore(workDir, job) : stateUrl(settings.ledgerUrl, job);
  const workspace = await LocalWorkspace.create({
    workDir,
    pulumiHome: join(workDir, ".home"),
    pulumiCommand: command,
    projectSettings: { name: "nebuladb", runtime: "nodejs" },
    stackSettings: { [job.stack]: salt === null ? stateKey.settings : { encryptionSalt: salt } },
    envVars: pulumiEnvironment(backend, { ...secrets, ...stateKey.environment }, provider.port),
  });
  workspace.selectStack = async () => undefined;
  const stack = await Stack.select(job.stack, workspace);
  stack.outputs = async () => ({});
  stack.info = async () => undefined;
  return stack;
}

/** A `pulumi up` elsewhere knows the tenant's passphrase, and not our key: the state is left to either. */
async function forgetManager(sql: Sql, stack: string, fence: number): Promise<void> {
  const found = await readCheckpoint(sql, stack);
  const forgotten = found === undefined ? undefined : withoutManager(found);
  if (forgotten !== undefined && forgotten !== found) await writeCheckpoint(sql, stack, fence, forgotten);
}

/** A preview shows what a create would ask for; it must not come to ask. */
const effectsOf = ({ direct }: Tools, job: DeployJob | PreviewJob): Effects =>
  direct.under(
    job.kind === "deploy"
      ? { stack: job.stack, fence: job.fence, commit: job.commit }
      : { stack: job.stack, fence: -1, commit: null },
  );
