import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, extname, join } from "node:path";
import { evaluatorUnavailable } from "./errors.ts";
import type { Answer, FromChild, Job, ToChild } from "./protocol.ts";

/*
 * One child process that evaluates, started when it is first needed and again whenever it died. One job at a time: a job that
 * kills its child is known, and takes nobody with it.
 */
export type Worker = {
  /** Never called again before it has answered. */
  readonly run: (job: Job, hardLimitMs: number) => Promise<Ran>;
  readonly close: () => Promise<void>;
};

/** `died`: the child ended, or had to be killed, during this job; `file` is what it ran then. */
export type Ran =
  | { readonly kind: "answered"; readonly answer: Answer }
  | { readonly kind: "died"; readonly file: string | undefined };

const startLimitMs = 20_000;
/** A child that nobody needs gives its memory back; the next job starts another in a third of a second. */
const idleMs = 120_000;

export function makeWorker(): Worker {
  let child: Promise<ChildProcess> | undefined;
  let idle: NodeJS.Timeout | undefined;
  let nextId = 0;

  async function run(job: Job, hardLimitMs: number): Promise<Ran> {
    clearTimeout(idle);
    child ??= startChild();
    let running: ChildProcess;
    try {
      running = await child;
    } catch (thrown) {
      child = undefined;
      throw thrown;
    }
    nextId += 1;
    const reply = await ask(running, { id: nextId, job }, hardLimitMs);
    if (reply.kind === "died" || reply.last) child = undefined;
    else idle = setTimeout(retire, idleMs, running).unref();
    return reply.kind === "died" ? reply : { kind: "answered", answer: reply.answer };
  }

  function retire(running: ChildProcess): void {
    child = undefined;
    void kill(running);
  }

  return {
    run,
    close: async () => {
      clearTimeout(idle);
      const running = await child?.catch(() => undefined);
      if (running !== undefined) await kill(running);
    },
  };
}

type Reply = FromChild & { readonly kind: "answer" };
type Died = Ran & { readonly kind: "died" };

/** Sends a job and waits for its answer, the child's death or the time limit, whichever comes first. */
async function ask(child: ChildProcess, message: ToChild, limitMs: number): Promise<Reply | Died> {
  child.ref();
  child.channel?.ref();
  let file: string | undefined;
  const reply = await new Promise<Reply | Died>((done) => {
    const onMessage = (answer: FromChild) => {
      if (answer.kind === "running") file = answer.file;
      if (answer.kind === "answer" && answer.id === message.id) settle(answer);
    };
    const onEnd = () => settle({ kind: "died", file });
    const timer = setTimeout(onEnd, limitMs);
    const settle = (result: Reply | Died) => {
      clearTimeout(timer);
      child.off("message", onMessage).off("exit", onEnd).off("error", onEnd);
      done(result);
    };
    child.on("message", onMessage).on("exit", onEnd).on("error", onEnd);
    if (child.exitCode !== null || child.signalCode !== null || !child.connected) onEnd();
    else child.send(message, (failed) => failed && onEnd());
  });
  if (reply.kind === "died") await kill(child);
  else if (child.connected) {
    // An idle child keeps nobody alive: it ends when its parent's end of the channel closes.
    child.unref();
    child.channel?.unref();
  }
  return reply;
}

async function startChild(): Promise<ChildProcess> {
  const here = import.meta.dirname;
  const child = fork(join(here, "inside", `main${extname(import.meta.filename)}`), [], {
    env: {},
    cwd: "/",
    execArgv: [
      "--max-old-space-size=256",
      "--disable-warning=ExperimentalWarning",
      "--permission",
      ...readable(here).map((folder) => `--allow-fs-read=${folder}`),
    ],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-2_000);
  });
  await new Promise<void>((done, fail) => {
    const timer = setTimeout(() => fail(evaluatorUnavailable("the evaluator did not start in time")), startLimitMs);
    child.once("message", () => done());
    child.once("error", (cause) => fail(evaluatorUnavailable("the evaluator cannot be started", { cause })));
    child.once("exit", (code) =>
      fail(evaluatorUnavailable(`the evaluator ended at its start (${code})`, { cause: new Error(tail) })),
    );
    child.once("message", () => clearTimeout(timer));
    child.once("exit", () => clearTimeout(timer));
  }).catch(async (thrown) => {
    await kill(child);
    throw thrown;
  });
  (child.stderr as (NodeJS.ReadableStream & { unref?: () => void }) | null)?.unref?.();
  child.unref();
  child.channel?.unref();
  return child;
}

/** What the child may read: the platform's code and its dependencies. Nothing of the machine, no data, no secrets. */
function readable(here: string): string[] {
  const modules = createRequire(import.meta.url).resolve.paths("zod") ?? [];
  return [dirname(here), ...modules.filter((folder) => basename(folder) === "node_modules" && existsSync(folder))];
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGKILL");
  await ended;
}
