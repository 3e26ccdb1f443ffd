import type { ComputeDriver, Trace } from "../../platform/compute/index.ts";
import type { Observe } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { listInstances, type Orphan, recordOrphans } from "../../platform/store/index.ts";

export type OrphanParts = {
  readonly sql: Sql;
  readonly driver: Pick<ComputeDriver, "traces">;
  readonly observe: Observe;
};

type Row = { readonly id: string; readonly phase: string };

/** Notes what lies on the machine and belongs to no row. Touches nothing: whose it is, a person must say. */
export async function findOrphans({ sql, driver, observe }: OrphanParts): Promise<readonly Orphan[]> {
  // The machine first: what a deployment makes after that has its row before it is there.
  const traces = await driver.traces();
  const orphans = orphansAmong(traces, await listInstances(sql));
  const fresh = await recordOrphans(sql, orphans);
  for (const { path, reason } of orphans) if (fresh.includes(path)) observe({ kind: "orphan.found", path, reason });
  return orphans;
}

/** Pure. A row of a removed instance accounts for its final copy, a row that is being created for its drafts. */
export function orphansAmong(traces: readonly Trace[], rows: readonly Row[]): readonly Orphan[] {
  const phases = new Map(rows.map(({ id, phase }) => [id, phase]));
  return traces
    .flatMap((trace): Orphan[] => {
      const reason = reasonOf(trace, trace.id === null ? undefined : phases.get(trace.id));
      const { kind, path, id, owner, ours, pid } = trace;
      return reason === undefined ? [] : [{ kind, path, instance: id, owner, ours, pid, reason }];
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function reasonOf({ kind, ours }: Trace, phase: string | undefined): string | undefined {
  if (!ours) return "it carries the tag of another installation";
  switch (kind) {
    case "server":
      return "a server runs in a folder that belongs to no instance";
    case "draft":
      return phase === "Creating" ? undefined : "a creation that was cut short, and nobody repeats it";
    case "copy":
      return phase === undefined ? "a final copy of which the ledger knows nothing" : undefined;
    case "instance":
      if (phase === undefined) return "an instance of which the ledger knows nothing";
      return phase === "Removed" ? "an instance that the ledger has as removed" : undefined;
  }
}
