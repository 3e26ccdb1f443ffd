import { asNebulaError } from "../../platform/core/index.ts";
import { workersClosed } from "./errors.ts";
import { startWorker, type WorkerOptions, type WorkerProcess } from "./worker-process.ts";

/** A set of warm workers. Who borrows one has it alone; one that ended is replaced before it is lent again. */
export type Workers = {
  /** An idle worker at once, or undefined. */
  tryBorrow(): WorkerProcess | undefined;
  /** Waits for one. */
  borrow(): Promise<WorkerProcess>;
  giveBack(worker: WorkerProcess): void;
  /** Gives one back that was borrowed for nothing: nobody is told, unless somebody waits. */
  putBack(worker: WorkerProcess): void;
  /** Called whenever a worker became idle, `putBack` excepted. */
  onIdle(listener: () => void): void;
  close(): Promise<void>;
};

export function makeWorkers(count: number, options: WorkerOptions): Workers {
  const idle: WorkerProcess[] = [];
  const all = new Set<WorkerProcess>();
  const waiting: { resolve: (worker: WorkerProcess) => void; reject: (reason: unknown) => void }[] = [];
  const listeners: (() => void)[] = [];
  const { observe } = options;
  let closed = false;
  const starting = new Set<Promise<void>>();

  const lend = (worker: WorkerProcess, tell = true) => {
    const next = waiting.shift();
    if (next !== undefined) return next.resolve(worker);
    idle.push(worker);
    if (tell) for (const listener of listeners) listener();
  };

  const start = async (delayMs: number): Promise<void> => {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (closed) return;
    try {
      const worker = await startWorker(options);
      if (closed) return worker.kill();
      all.add(worker);
      void worker.ended.then(() => forget(worker));
      lend(worker);
    } catch (thrown) {
      const { code, message } = asNebulaError(thrown);
      observe({ kind: "fault", where: "deploy.worker", code, message });
      startLater(Math.min(Math.max(delayMs * 2, 250), 10_000));
    }
  };

  const startLater = (delayMs: number) => {
    const started = start(delayMs).finally(() => starting.delete(started));
    starting.add(started);
  };

  const forget = (worker: WorkerProcess) => {
    all.delete(worker);
    const at = idle.indexOf(worker);
    if (at >= 0) idle.splice(at, 1);
    if (!closed) startLater(0);
  };

  const takeIdle = (): WorkerProcess | undefined => {
    for (let worker = idle.pop(); worker !== undefined; worker = idle.pop()) if (worker.isAlive()) return worker;
    return undefined;
  };

  for (let i = 0; i < count; i++) startLater(0);

  return {
    tryBorrow: takeIdle,
    borrow: () => {
      if (closed) return Promise.reject(workersClosed("no worker is started any more"));
      const worker = takeIdle();
      if (worker !== undefined) return Promise.resolve(worker);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    giveBack: (worker) => {
      if (all.has(worker)) lend(worker);
    },
    putBack: (worker) => {
      if (all.has(worker)) lend(worker, false);
    },
    onIdle: (listener) => listeners.push(listener),
    async close() {
      closed = true;
      for (const { reject } of waiting.splice(0)) reject(workersClosed("the workers are stopped"));
      await Promise.all([...starting]);
      await Promise.all([...all].map((worker) => worker.kill()));
    },
  };
}
