import { reportFault } from "../../platform/core/index.ts";
import { workersClosed } from "./errors.ts";
import { startWorker, type WorkerOptions, type WorkerProcess } from "./worker-process.ts";

/**
 * Warm workers. Who borrows one has it alone, and one that ended is not lent again. One waits in reserve, so that a deployment starts at
 * once; the others, up to `count`, are started when the reserve is taken and end when they were idle for `lingerMs`: each is a
 * process of 80 MB.
 */
export type Workers = {
  /** An idle worker at once, or undefined. */
  tryBorrow(): WorkerProcess | undefined;
  /** Waits for one. */
  borrow(): Promise<WorkerProcess>;
  /** The borrowed one has work: another one gets ready for what comes next. */
  keepReserve(): void;
  giveBack(worker: WorkerProcess): void;
  /** Gives one back that was borrowed for nothing: nobody is told, unless somebody waits. */
  putBack(worker: WorkerProcess): void;
  /** Called whenever a worker became idle, `putBack` excepted. */
  onIdle(listener: () => void): void;
  close(): Promise<void>;
};

const usualLingerMs = 5_000;

export function makeWorkers(count: number, options: WorkerOptions, lingerMs = usualLingerMs): Workers {
  const idle: WorkerProcess[] = [];
  const all = new Set<WorkerProcess>();
  const waiting: { resolve: (worker: WorkerProcess) => void; reject: (reason: unknown) => void }[] = [];
  const listeners: (() => void)[] = [];
  const { observe } = options;
  let closed = false;
  const starting = new Set<Promise<void>>();

  let lingering: NodeJS.Timeout | undefined;

  const lend = (worker: WorkerProcess, tell = true) => {
    const next = waiting.shift();
    if (next !== undefined) {
      next.resolve(worker);
      return keepReserve();
    }
    idle.push(worker);
    dismissLater();
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
      reportFault(observe, "deploy.worker", thrown);
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
    keepReserve();
  };

  /** One is idle or on its way, as long as there may be another. */
  const keepReserve = () => {
    if (closed || idle.length > 0 || starting.size > waiting.length) return;
    if (all.size + starting.size < count) startLater(0);
  };

  const dismissLater = () => {
    if (idle.length < 2 || lingering !== undefined) return;
    lingering = setTimeout(() => {
      lingering = undefined;
      // the longest idle first; the one that was used last is the warmest
      for (const worker of idle.splice(0, idle.length - 1)) void worker.kill();
    }, lingerMs);
    lingering.unref();
  };

  const takeIdle = (): WorkerProcess | undefined => {
    for (let worker = idle.pop(); worker !== undefined; worker = idle.pop()) if (worker.isAlive()) return worker;
    return undefined;
  };

  startLater(0);

  return {
    tryBorrow: takeIdle,
    keepReserve,
    borrow: () => {
      if (closed) return Promise.reject(workersClosed("no worker is started any more"));
      const worker = takeIdle();
      if (worker !== undefined) {
        keepReserve();
        return Promise.resolve(worker);
      }
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        keepReserve();
      });
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
      clearTimeout(lingering);
      for (const { reject } of waiting.splice(0)) reject(workersClosed("the workers are stopped"));
      await Promise.all([...starting]);
      await Promise.all([...all].map((worker) => worker.kill()));
    },
  };
}
