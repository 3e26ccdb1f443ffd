/** The deployer without Pulumi and machines: real decisions over a real ledger, applied to nothing. Keeps its own book. */
import type { ProblemDocument } from "../../platform/core/index.ts";
import type { ProjectSpec } from "../../platform/spec/index.ts";
import { claimOperation, finishOperation, recordApplied } from "../../platform/store/index.ts";
import { decide } from "../../reconciler/deploy/index.ts";
import { recordOutcome } from "../../reconciler/reconcile.ts";
import type { TestDatabase } from "../harness/postgres.ts";

export type Deployed = { readonly stack: string; readonly commit: string | null; readonly spec: ProjectSpec };
export type Blocked = { readonly stack: string; readonly operation: string; readonly error: ProblemDocument };

/** Everything that is queued, decided and - where nothing stands against it - noted as applied. */
export async function deployAll(
  sql: TestDatabase["sql"],
): Promise<{ readonly deployed: readonly Deployed[]; readonly blocked: readonly Blocked[] }> {
  const deployed: Deployed[] = [];
  const blocked: Blocked[] = [];
  for (;;) {
    const claim = await claimOperation(sql, { holder: "test", types: ["DEPLOY"] });
    if (claim === undefined) return { deployed, blocked };
    const { stack, operation } = claim;
    const decision = await decide(sql, claim);
    if (decision.kind === "superseded") {
      await finishOperation(sql, claim, { kind: "superseded" });
    } else if (decision.kind === "blocked") {
      blocked.push({ stack, operation: operation.id, error: decision.error });
      await finishOperation(sql, claim, { kind: "failed", outcome: "blocked", error: decision.error }, recordOutcome);
    } else {
      deployed.push({ stack, commit: decision.commit, spec: decision.spec });
      await finishOperation(sql, claim, { kind: "completed", outcome: "applied" }, async (tx, ended) => {
        await recordApplied(tx, stack, { ...decision, commit: decision.commit ?? "" });
        await recordOutcome(tx, ended);
      });
    }
  }
}
