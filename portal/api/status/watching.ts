import {
  type Check,
  type Clock,
  type Health,
  type Metrics,
  makeHealth,
  noTracer,
  registerHealthGauge,
  type Tracer,
} from "../../../platform/core/index.ts";
import type { Pool } from "../../../platform/sql/index.ts";
import { gitHostsCheck, ledgerCheck } from "../../../platform/store/index.ts";
import type { Gateway } from "../endpoints.ts";
import { askHealth } from "./ask-health.ts";
import { type AskHealth, type Components, makeComponents } from "./components.ts";

/** What a portal may be given to be watched by. */
export type Watching = {
  /** Default: nothing is traced. */
  readonly tracer?: Tracer;
  /** What else its health is made of. Default: nothing but the ledger and the Git hosts. */
  readonly checks?: readonly Check[];
  /** How another process of ours is asked how it is. */
  readonly askHealth?: AskHealth;
  /** Given what tells how the parts of the platform are: somebody has to write down what changes. */
  readonly onComponents?: (components: Components) => void;
};

type Parts = Watching & {
  readonly sql: Pool;
  readonly clock: Clock;
  readonly version: string;
  readonly closing: AbortSignal;
  readonly draining?: AbortSignal;
  readonly metrics: Metrics;
  readonly gateway?: Pick<Gateway, "healthUrl"> | null;
};

export type Watched = { readonly tracer: Tracer; readonly health: Health; readonly components: Components };

/** Its tracer, its health, and what it sees of the others. */
export function makeWatched({ sql, clock, version, closing, draining = closing, ...given }: Parts): Watched {
  const { gateway, metrics, tracer = noTracer, checks = [], askHealth: ask = askHealth, onComponents } = given;
  const health = makeHealth({
    ...{ process: "portal", version, clock },
    serving: () => !draining.aborted,
    checks: [ledgerCheck(sql), gitHostsCheck(sql), ...checks],
  });
  registerHealthGauge(metrics, health);
  const components = makeComponents({ sql, clock, health, gatewayUrl: gateway?.healthUrl ?? null, ask });
  onComponents?.(components);
  return { tracer, health, components };
}
