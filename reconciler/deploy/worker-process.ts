import { type ChildProcess, fork } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  currentTraceparent,
  holdSpan,
  NebulaError,
  type Observe,
  outsideSpans,
  type ProblemDocument,
  type Tracer,
} from "../../platform/core/index.ts";
import { workerLost } from "./errors.ts";
import type { Lender } from "./lend.ts";
import type { FromWorker, Job, JobResult, Progress, ToWorker, WorkerSettings } from "./messages.ts";

/**
 * One worker process and everything that it starts: a process group of its own.
 *
 * 1. One job at a time; a job always ends, by its answer or by the worker's death.
 * 2. `kill` is certain and complete: the whole group, and it returns when nothing of it runs any more.
 * 3. It dies with us (its pipe closes), even when we are killed.
 */
export type WorkerProcess = {
  /** @throws NEB303 when the process ends before the job does; what the job threw, else. */
  run(job: Job, onProgress?: (progress: Progress) => void): Promise<JobResult>;
  isAlive(): boolean;
  /** Asks the running job to stop: one SIGINT to the command. */
  interrupt(): void;
  kill(): Promise<void>;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  readonly pid: number;
};

export type WorkerOptions = Omit<WorkerSettings, "scratchDir" | "secretDir" | "loan"> & {
  readonly lender: Lender;
  readonly observe: Observe;
  /** Exports the spans of workers. */
  readonly tracer: Tracer;
  /** For tests: another script than the real worker. */
  readonly script?: string;
};

const realWorker = join(import.meta.dirname, "child", "main.ts");

type Running = {
  readonly id: number;
  readonly resolve: (result: JobResult) => void;
  readonly reject: (reason: unknown) => void;
  readonly onProgress: (progress: Progress) => void;
  /** What it tells while it works is told in the trace of its job. */
  readonly inTrace: (tell: () => void) => void;
};

/** Resolves when the worker is warm. @throws NEB303 when it cannot be started. */
export async function startWorker({
  observe,
  tracer,
  lender,
  script = realWorker,
  ...settings
}: WorkerOptions): Promise<WorkerProcess> {
  const forked = () =>
    fork(script, {
      detached: true,
      env: quietEnvironment(process.env),
      execArgv: ["--max-semi-space-size=4"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "advanced",
    });
  const child = outsideSpans(forked); // it serves many
  const pid = child.pid ?? 0;
  const scratchDir = join(settings.dataDir, "run", "deploy", String(pid));
  const secretDir = join(settings.dataDir, "secrets", "deploy", String(pid));
  const said = tailOf(child);
  let running: Running | undefined;
  let jobs = 0;

  const ended = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("exit", () => resolve());
  }).then(async () => {
    await endGroup(pid);
    running?.reject(workerLost(`worker ${pid} ended in the middle of a job`, { cause: new Error(said()) }));
    running = undefined;
    for (const folder of [scratchDir, secretDir]) await rm(folder, { recursive: true, force: true });
  });

  const warm = new Promise<void>((resolve, reject) => {
    void ended.then(() => reject(workerLost(`a worker could not be started: ${said()}`)));
    child.on("message", (message: FromWorker) => {
      switch (message.kind) {
        case "warm":
          return resolve();
        case "observation":
          return (running?.inTrace ?? now)(() => observe(message.observation));
        case "span":
          return tracer.accept(message.span);
        case "progress":
          return running?.onProgress(message.progress);
        default:
          if (running?.id !== message.id) return;
          if (message.kind === "done") running.resolve(message.result);
          else running.reject(toError(message.error));
          running = undefined;
      }
    });
  });

  const isAlive = () => child.exitCode === null && child.signalCode === null;
  const send = (message: ToWorker) => child.send(message, () => undefined);
  for (const folder of [scratchDir, secretDir]) await mkdir(folder, { recursive: true, mode: 0o700 });
  send({ kind: "settings", settings: { ...settings, scratchDir, secretDir, loan: lender.first } });
  await warm;
  return {
    pid,
    ended,
    isAlive,
    run: (job, onProgress = () => undefined) =>
      new Promise((resolve, reject) => {
        if (!isAlive()) return reject(workerLost(`worker ${pid} has ended`));
        const id = ++jobs;
        const traceparent = currentTraceparent();
        running = { id, resolve, reject, onProgress, inTrace: holdSpan() };
        lender.for(job).then(
          (loan) => send({ kind: "job", id, job, loan, ...(traceparent === undefined ? {} : { traceparent }) }),
          (thrown) => {
            running = undefined;
            reject(thrown);
          },
        );
      }),
    interrupt: () => send({ kind: "interrupt" }),
    async kill() {
      signalGroup(pid, "SIGKILL");
      await ended;
    },
  };
}

const now = (tell: () => void): void => tell();

/** What a worker and the commands under it may know of our environment: no credential. */
function quietEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  // Then: compiled code is shared between processes, the launcher can tell whose process this is, a test may end it.
  const kept = ["PATH", "HOME", "USER", "TMPDIR", "LANG", "TZ", "LD_LIBRARY_PATH", "NEBULA_CACHE"];
  kept.push("NODE_COMPILE_CACHE", "NEBULA_SUPERVISED", "NEBULA_FAILPOINT");
  return Object.fromEntries(kept.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

function tailOf({ stdout, stderr }: ChildProcess): () => string {
  let tail = "";
  for (const stream of [stdout, stderr])
    stream?.on("data", (bytes: Buffer) => {
      tail = `${tail}${bytes.toString("utf8")}`.slice(-2000);
    });
  return () => tail.trim();
}

/** Kills what is left of a group and waits until it is gone; a second is plenty, for nothing survives the signal. */
async function endGroup(pid: number): Promise<void> {
  for (let i = 0; i < 50 && signalGroup(pid, "SIGKILL"); i++) await sleep(20);
}

/** Whether there was anybody to signal. */
function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  if (pid === 0) return false;
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** A problem that crossed the pipe, as the error that it was. */
export function toError(problem: ProblemDocument): NebulaError {
  const { code, status, title, detail, hint, retry, type: _, instance: __, ...fields } = problem;
  return new NebulaError({ code: code as `NEB${number}`, status, title, retry: retry === true, hint }, detail, {
    fields,
  });
}
