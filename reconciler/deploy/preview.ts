import type { Clock } from "../../platform/core/index.ts";
import { type ProjectSpec, stackName } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { readCheckpoint } from "../../platform/store/index.ts";
import { readFacts, withoutManager, withoutPending } from "./checkpoint.ts";
import { deadlinePassed, deployFailed, workersClosed } from "./errors.ts";
import type { PulumiOutcome, PulumiStep } from "./messages.ts";
import type { Workers } from "./workers.ts";

export type PreviewRequest = {
  readonly spec: ProjectSpec;
  /** Default: 30 s, waiting for a worker included. */
  readonly timeoutMs?: number;
};

export type Preview = {
  /** What would change, in the engine's order. Empty: nothing. */
  readonly steps: readonly PulumiStep[];
  /** By kind of step (`create`, `update`, `delete`, `same`...), components included. */
  readonly resourceChanges: Readonly<Record<string, number>>;
  /** One line: `2 to create, 1 to update`. */
  readonly summary: string;
  /** As Pulumi prints it, without colours. */
  readonly text: string;
  readonly durationMs: number;
};

type Deps = { readonly sql: Sql; readonly workers: Workers; readonly clock: Clock };

/** Previews on a copy of the state: several at once harm nobody, and none can write. */
export function makePreview({ sql, workers, clock }: Deps) {
  let closed = false;

  const preview = async ({ spec, timeoutMs = 30_000 }: PreviewRequest): Promise<Preview> => {
    if (closed) throw workersClosed("no preview is begun any more");
    const began = clock.monotonicMs();
    const stack = stackName(spec.tenant, spec.project);
    const found = await stateOf(sql, stack);
    const worker = await workers.borrow();
    const timeout = setTimeout(() => void worker.kill(), Math.max(0, timeoutMs - (clock.monotonicMs() - began)));
    try {
      const { salt } = found === undefined ? { salt: null } : readFacts(found);
      const checkpoint = found === undefined ? null : withoutManager(withoutPending(found));
      const result = await worker.run({ kind: "preview", stack, spec, checkpoint, salt }).catch((thrown) => {
        throw worker.isAlive() ? thrown : deadlinePassed(`the preview was not done within ${timeoutMs / 1000} s`);
      });
      if (result.kind !== "pulumi") throw new Error("a preview answers what Pulumi said");
      return toPreview(result.outcome, clock.monotonicMs() - began);
    } finally {
      clearTimeout(timeout);
      workers.giveBack(worker);
    }
  };

  return {
    preview,
    close: () => {
      closed = true;
    },
  };
}

/** A tenant without any state yet has no schema. */
async function stateOf(sql: Sql, stack: string): Promise<string | undefined> {
  const { there } = await sql.one<{ there: boolean }>(
    "select to_regclass(format('%I.pulumi_state', state_schema($1))) is not null as there",
    [stack.split(".")[0]],
  );
  return there ? readCheckpoint(sql, stack) : undefined;
}

function toPreview({ ok, faults, diagnostics, steps, resourceChanges, text }: PulumiOutcome, durationMs: number) {
  const [fault] = faults;
  if (!ok && fault !== undefined)
    throw deployFailed(`${fault.code} ${fault.detail}`, { hint: fault.hint, fields: { fault: fault.code } });
  if (!ok) throw deployFailed(`the preview failed: ${diagnostics.join("; ").slice(0, 2000)}`);
  return { steps, resourceChanges, summary: summarise(steps), text: text.trim(), durationMs: Math.round(durationMs) };
}

function summarise(steps: readonly PulumiStep[]): string {
  const counts = Map.groupBy(steps, ({ op }) => op);
  if (counts.size === 0) return "no changes";
  return [...counts].map(([op, { length }]) => `${length} to ${op}`).join(", ");
}
