import {
  asNebulaError,
  type Observe,
  type ProblemDocument,
  reportFault,
  toProblem,
} from "../../platform/core/index.ts";
import { type DatabaseInputs, type DirectEffects, toInputs } from "../../platform/provider/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { type Effect, type EffectEnding, runNextEffect } from "../../platform/store/index.ts";
import { mustBeAdmitted } from "./ci-admission.ts";

type Deps = { readonly sql: Sql; readonly direct: DirectEffects; readonly observe: Observe };

/** Runs what a `pulumi up` elsewhere asked of this installation, under the fence of its lock and held to the fleet's rules. */
export function makeEffectsExecutor({ sql, direct, observe }: Deps) {
  let working: Promise<void> | undefined;
  let again = false;
  let closed = false;

  const drain = async () => {
    while (again && !closed) {
      again = false;
      while (!closed && (await runNextEffect(sql, run)));
    }
  };

  const run = async (effect: Effect): Promise<EffectEnding> => {
    try {
      return { kind: "done", output: await perform(effect) };
    } catch (thrown) {
      const error = asNebulaError(thrown);
      return { kind: "failed", error: { ...toProblem(error), detail: error.message } as ProblemDocument };
    }
  };

  const perform = async ({ stack, fence, verb, input }: Effect): Promise<unknown> => {
    const effects = direct.under({ stack, fence, commit: null });
    const { inputs, id } = input as { readonly inputs?: Record<string, unknown>; readonly id?: DatabaseId };
    if (verb === "create" || verb === "update") {
      const wanted: DatabaseInputs = toInputs(inputs ?? {});
      await mustBeAdmitted(sql, stack, wanted);
      return effects.ensure(wanted, verb);
    }
    if (verb === "read") return (await effects.read(id as DatabaseId)) ?? null;
    await effects.remove(id as DatabaseId);
    return null;
  };

  return {
    wake: () => {
      again = true;
      working ??= drain()
        .catch((thrown) => reportFault(observe, "deploy.effects", thrown))
        .finally(() => {
          working = undefined;
        });
    },
    async close() {
      closed = true;
      await working;
    },
  };
}
