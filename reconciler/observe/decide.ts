import type { InstanceObserved, Load } from "../../platform/compute/index.ts";
import type { ComputeSeen, Instance, InstanceRecordPhase } from "../../platform/store/index.ts";

/** What a pass does about one instance. */
export type Verdict =
  | { readonly kind: "agreed" }
  | { readonly kind: "start"; readonly reason: string }
  | { readonly kind: "stop"; readonly reason: string }
  | { readonly kind: "record"; readonly phase: InstanceRecordPhase; readonly reason: string };

const agreed: Verdict = { kind: "agreed" };

type Row = Pick<Instance, "phase"> & { /** Standbys that may take its place. */ readonly replicas?: number };
type Seen = Pick<InstanceObserved, "phase" | "running"> | undefined;

/** Ledger against machine. Pure. Rows that are being created, or removed, are not the pass's business. */
export function decide(row: Row, seen: Seen): Verdict {
  switch (row.phase) {
    case "Creating":
    case "Removed":
    case "Expired":
      return agreed;
    case "Ready":
    case "Failed":
      return decideRunning(row, seen);
    case "Paused":
    case "Retired":
      return decideStopped(row, seen);
  }
}

/** What stands in the ledger beside the phase, for whoever asks what a database is doing, and how large it is. */
export function computeSeen(seen: Seen, load: Pick<Load, "units" | "enforced"> | undefined): ComputeSeen {
  const [computeUnits, computeEnforced] = [load?.units ?? null, load?.enforced ?? null];
  if (seen?.phase === "Ready") return { computeState: "awake", computeUnits, computeEnforced };
  const resting = { computeUnits: null, computeEnforced: null };
  if (seen?.phase === "Frozen") return { computeState: "frozen", ...resting };
  return { computeState: seen?.phase === "Asleep" ? "asleep" : null, ...resting };
}

function decideRunning({ phase, replicas = 0 }: Row, seen: Seen): Verdict {
  const record = (to: InstanceRecordPhase, reason: string): Verdict =>
    phase === to ? agreed : { kind: "record", phase: to, reason };
  switch (seen?.phase) {
    case undefined:
      return record("Failed", "its folder is gone");
    case "Damaged":
      if (replicas > 0 && phase === "Ready") return { kind: "start", reason: "its primary's folder is damaged" };
      return record("Failed", "its folder is damaged");
    case "Stopped":
      return { kind: "start", reason: "its server had ended" };
    case "Starting":
      return agreed;
    case "Ready":
      return record("Ready", "it answers again");
    case "Frozen":
    case "Asleep":
      return record("Ready", "it sleeps, and wakes for whoever connects");
    case "Paused":
      return record("Paused", "it is paused");
    case "Retired":
      return record("Retired", "it is retired");
  }
}

function decideStopped({ phase }: Row, seen: Seen): Verdict {
  switch (seen?.phase) {
    case undefined:
    case "Damaged":
      return agreed; // nothing that should run; the next deployment or removal says so
    case "Paused":
    case "Retired":
      if (seen.phase !== phase)
        return { kind: "record", phase: seen.phase, reason: `it is ${seen.phase.toLowerCase()}` };
      return seen.running ? { kind: "stop", reason: `it ran although it is ${phase.toLowerCase()}` } : agreed;
    case "Ready":
    case "Starting":
    case "Stopped":
    case "Frozen":
    case "Asleep":
      return { kind: "record", phase: "Ready", reason: `it is not ${phase.toLowerCase()} any more` };
  }
}
