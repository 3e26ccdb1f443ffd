import { describeChange, type Plan, type Step } from "../plan/index.ts";
import { wholeText } from "./rows.ts";

/** One change of a plan in the words of a declaration: `compute.max 0.5 → 1`, `migrations 0001_notes added`. */
export type PlanLine = {
  /** null: the project itself. */
  readonly database: string | null;
  readonly step: string;
  readonly what: string;
  readonly effect: string;
  readonly why: string;
};

/** A plan as a person reads it, for who shows it without knowing what a spec is made of. Pure. */
export function planLines({ project, steps }: Plan): readonly PlanLine[] {
  const own = project.map((change) => ({
    ...{ database: null, step: "change", what: describeChange(change), effect: change.effect, why: change.why },
  }));
  return [...own, ...steps.flatMap(stepLines)];
}

const stepLines = (step: Step): readonly PlanLine[] =>
  step.changes.map((change) => ({
    ...{ database: step.database, step: step.kind, effect: change.effect, why: change.why },
    what: change.path === "" ? wholeText(step) : describeChange(change),
  }));
