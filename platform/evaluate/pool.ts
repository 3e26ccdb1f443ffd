import { evaluatorUnavailable } from "./errors.ts";
import type { Job } from "./protocol.ts";
import { makeWorker, type Ran, type Worker } from "./worker.ts";

/** Jobs in the order they came, on one child; on more of them only while jobs have to wait. */
export type Pool = Worker;

/** So long jobs may have to wait before another child is started: longer than any project that is no bomb takes. */
const patienceMs = 500;

type Turn = {
  readonly job: Job;
  readonly hardLimitMs: number;
  readonly done: (ran: Ran) => void;
  readonly fail: (thrown: unknown) => void;
};

export function makePool(most: number): Pool {
  const workers: Worker[] = [];
  const busy = new Set<Worker>();
  const waiting: Turn[] = [];
  let impatience: NodeJS.Timeout | undefined;
  let closed = false;

  function serve(): void {
    if (workers.length === 0) workers.push(makeWorker());
    for (let worker = free(); worker !== undefined && waiting.length > 0; worker = free()) start(worker);
    if (waiting.length > 0 && workers.length < most) impatience ??= setTimeout(grow, patienceMs).unref();
  }

  const free = (): Worker | undefined => workers.find((worker) => !busy.has(worker));

  function start(worker: Worker): void {
    const turn = waiting.shift();
    if (turn === undefined) return;
    busy.add(worker);
    worker
      .run(turn.job, turn.hardLimitMs)
      .then(turn.done, turn.fail)
      .finally(() => {
        busy.delete(worker);
        serve();
      });
  }

  /** Somebody waits still: a child hangs, or a whole repository is evaluated. */
  function grow(): void {
    impatience = undefined;
    if (closed || waiting.length === 0) return;
    workers.push(makeWorker());
    serve();
  }

  return {
    run: (job, hardLimitMs) =>
      new Promise((done, fail) => {
        if (closed) return fail(evaluatorUnavailable("the evaluator is closed"));
        waiting.push({ job, hardLimitMs, done, fail });
        serve();
      }),
    close: async () => {
      closed = true;
      clearTimeout(impatience);
      for (const turn of waiting.splice(0)) turn.fail(evaluatorUnavailable("the evaluator is closed"));
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}
