/**
 * What the processes of an installation have in common: settings, log and metrics, one scope, and how they end.
 *
 * 1. A process that cannot go on says why in one JSON line on standard error before anything else ends, and its status is 1.
 * 2. What it opened is let go of in reverse order, on SIGTERM and SIGINT as after a fault.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Config, choice, type Fields, resolveConfig } from "./config.ts";
import { asNebulaError } from "./errors.ts";
import { healthFields } from "./health-checks.ts";
import { returnMemoryOfStart } from "./heap.ts";
import { makeLogger } from "./log.ts";
import { type Metrics, makeMetrics } from "./metrics.ts";
import type { Observe } from "./observations.ts";
import { openScope, type Scope } from "./scope.ts";
import { openTracer, type Tracer, traceFields } from "./tracing/index.ts";

export type ProcessName = "portal" | "reconciler" | "gateway";

export type Main<F extends MainFields> = {
  readonly config: Config<F>;
  readonly scope: Scope;
  readonly metrics: Metrics;
  /** Into the log and into the metrics. */
  readonly observe: Observe;
  /** Begins traces; what is under way in one needs none. */
  readonly tracer: Tracer;
  readonly version: string;
  /** Tells everybody that it serves, and waits until it is asked to stop. */
  untilStopped(): Promise<void>;
};

type MainFields = Fields & typeof mainFields;

/** Settings of every main. */
export const mainFields = {
  NEBULA_LOG_LEVEL: choice(["debug", "info", "warn", "error"], "info"),
  ...healthFields,
  ...traceFields,
};

/** Runs a process from its settings to its exit; `--print-config` prints them, and that is all. */
export async function runMain<F extends MainFields>(
  name: ProcessName,
  fields: F,
  body: (main: Main<F>) => Promise<void>,
): Promise<never> {
  const scope = openScope();
  let status = 0;
  const attempt = (work: () => Promise<void>): Promise<void> =>
    work().catch((thrown) => {
      status = 1;
      sayWhy(name, thrown);
    });
  await attempt(async () => {
    const config = resolveConfig(process.env, fields);
    if (process.argv.includes("--print-config")) return console.log(JSON.stringify(config, null, 2));
    await body(await makeMain(name, config, scope));
  });
  await attempt(() => scope.close());
  process.exit(status);
}

async function makeMain<F extends MainFields>(name: ProcessName, config: Config<F>, scope: Scope): Promise<Main<F>> {
  const metrics = makeMetrics(name);
  const common = config as Config<typeof mainFields>;
  const log = makeLogger(name, common.NEBULA_LOG_LEVEL);
  const observe: Observe = (observation) => {
    log(observation);
    metrics.observe(observation);
  };
  const version = productVersion();
  const tracer = await openTracer({ env: process.env, config: common, process: name, version, observe });
  scope.add(tracer, (opened) => opened.close());
  return {
    ...{ config, scope, metrics, observe, tracer, version },
    async untilStopped() {
      observe({ kind: "process.started", process: name, version });
      say({ ready: true, process: name });
      returnMemoryOfStart();
      observe({ kind: "process.stopping", process: name, reason: await stopSignal() });
    },
  };
}

/** A line for whoever started this process. */
export const say = (message: Readonly<Record<string, unknown>>): void =>
  void process.stdout.write(`${JSON.stringify(message)}\n`);

function sayWhy(name: ProcessName, thrown: unknown): void {
  const { code, message, hint } = asNebulaError(thrown);
  process.stderr.write(`${JSON.stringify({ level: "error", process: name, code, message, hint })}\n`);
}

/** The version of this installation's code. */
export function productVersion(): string {
  const manifest = readFileSync(join(import.meta.dirname, "../../package.json"), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Resolves with the name of the first signal that asks this process to stop. */
const stopSignal = (): Promise<string> =>
  new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
