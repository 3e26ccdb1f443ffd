import fc from "fast-check";
import { expect, test } from "vitest";
import type { InstancePhase } from "../../platform/compute/index.ts";
import type { InstanceRecordPhase } from "../../platform/store/index.ts";
import { decide } from "./decide.ts";
import { deriveStatus } from "./derive-status.ts";

const problem = { code: "NEB344", detail: "no space left" };

test("a project's status follows from the outcome alone", () => {
  expect(deriveStatus({ outcome: "applied" })).toMatchObject({ status: "Ready", reason: "Applied" });
  expect(deriveStatus({ outcome: "unchanged" })).toMatchObject({ status: "Ready" });
  expect(deriveStatus({ outcome: "retry", problem })).toEqual({
    ...{ status: "Reconciling", reason: "Retrying", message: "NEB344: no space left" },
  });
  expect(deriveStatus({ outcome: "blocked", problem })).toMatchObject({ status: "Stalled", reason: "Blocked" });
  expect(deriveStatus({ outcome: "stalled", problem })).toMatchObject({ status: "Stalled", reason: "Failed" });
  expect(deriveStatus({ outcome: "applied", failed: ["orders"] })).toMatchObject({ reason: "InstanceFailed" });
});

const recorded: InstanceRecordPhase[] = ["Creating", "Ready", "Paused", "Retired", "Removed", "Failed"];
const seenPhases: InstancePhase[] = [
  ...(["Ready", "Starting", "Stopped", "Frozen", "Asleep", "Paused", "Retired", "Damaged"] as const),
];
const row = fc.constantFrom(...recorded).map((phase) => ({ phase }));
const seen = fc.option(fc.record({ phase: fc.constantFrom(...seenPhases), running: fc.boolean() }), { nil: undefined });

test("what is paused, retired or removed is never started; what should run is never stopped", () => {
  fc.assert(
    fc.property(row, seen, (r, s) => {
      const verdict = decide(r, s);
      if (verdict.kind === "start") expect(["Ready", "Failed"]).toContain(r.phase);
      if (verdict.kind === "start") expect(s?.phase).toBe("Stopped");
      if (verdict.kind === "stop") expect(["Paused", "Retired"]).toContain(r.phase);
    }),
  );
});

test("what was recorded is agreed upon in the next pass", () => {
  fc.assert(
    fc.property(row, seen, (r, s) => {
      const verdict = decide(r, s);
      if (verdict.kind !== "record") return;
      const next = decide({ phase: verdict.phase }, s);
      expect(next.kind === "record" ? next.phase : "agreed").toBe("agreed");
    }),
  );
});

test("a folder that is gone is a failure, never a removal", () => {
  expect(decide({ phase: "Ready" }, undefined)).toMatchObject({ kind: "record", phase: "Failed" });
});
