import { monthInput } from "../billing/index.ts";
import { draftInvoice, type Invoice, monthOf, monthSpan } from "../pricing/index.ts";
import type { BudgetSpec } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import { fleetDeclaring, type InstanceRecordPhase, listInstances, sumUsage } from "../store/index.ts";
import { foreseeUsage, type RunningPhase } from "./forecast.ts";
import { type BudgetJudged, judgeBudget } from "./judge.ts";

export type BudgetView = BudgetJudged & {
  readonly budget: BudgetSpec;
  readonly spentMicros: number;
  /** null: too early in the month to say. */
  readonly forecastMicros: number | null;
};

/** A tenant's open month in money, before credits and tax. */
export type Spending = {
  readonly tenant: string;
  readonly month: string;
  readonly currency: string;
  readonly spentMicros: number;
  readonly forecastMicros: number | null;
  /** What is of a project alone: fees and minimums are the whole tenant's. */
  readonly projects: readonly {
    readonly project: string;
    readonly spentMicros: number;
    readonly forecastMicros: number | null;
  }[];
  readonly budgets: readonly BudgetView[];
};

const dayMs = 86_400_000;
const recentMs = 7 * dayMs;
/** Earlier in its life, a month says nothing of its end. */
const earliestMs = 2 * dayMs;

/** @throws NEB545 without prices, and what `draftInvoice` throws */
export async function readSpending(
  sql: Sql,
  { tenant, nowMs }: { readonly tenant: string; readonly nowMs: number },
): Promise<Spending> {
  const month = monthOf(nowMs);
  const { fromMs, toMs } = monthSpan(month);
  const { input } = await monthInput(sql, { tenant, month, nowMs });
  const draft = draftInvoice({ ...input, credits: [] });
  const foreseen = nowMs - fromMs < earliestMs ? null : draftInvoice({ ...input, credits: [], usage: await foresee() });
  const spent = byProject(draft);
  const later = foreseen === null ? null : byProject(foreseen);
  const budgets = await budgetsOf(sql, tenant);
  const at = (project: string | null) => ({
    spentMicros: project === null ? draft.subtotalMicros : (spent.get(project) ?? 0),
    forecastMicros:
      later === null || foreseen === null
        ? null
        : project === null
          ? foreseen.subtotalMicros
          : (later.get(project) ?? 0),
  });
  return {
    ...{ tenant, month, currency: draft.currency, ...at(null) },
    projects: [...new Set([...spent.keys(), ...(later?.keys() ?? [])])]
      .sort()
      .map((project) => ({ project, ...at(project) })),
    budgets: budgets.map((budget) => ({ budget, ...at(budget.project), ...judgeBudget(budget, at(budget.project)) })),
  };

  async function foresee() {
    const recentFromMs = nowMs - recentMs;
    const [recent, instances] = await Promise.all([
      sumUsage(sql, { tenant, fromMs: floorHour(recentFromMs), toMs }),
      listInstances(sql, { tenant }),
    ]);
    const phases = new Map(instances.map(({ id, phase }) => [id as string, phase]));
    const phaseOf = ({ project, database }: { readonly project: string; readonly database: string }) =>
      running(phases.get(`${tenant}.${project}.${database}`));
    return foreseeUsage({
      soFar: input.usage,
      recent,
      phaseOf,
      nowMs,
      recentFromMs: floorHour(recentFromMs),
      monthEndMs: toMs,
    });
  }
}

const floorHour = (ms: number): number => Math.floor(ms / 3_600_000) * 3_600_000;

function running(phase: InstanceRecordPhase | undefined): RunningPhase {
  if (phase === undefined) return undefined;
  if (phase === "Removed") return "gone";
  return phase === "Paused" || phase === "Retired" || phase === "Expired" ? "kept" : "runs";
}

function byProject({ lines }: Invoice): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { project, micros } of lines) if (project !== null) sums.set(project, (sums.get(project) ?? 0) + micros);
  return sums;
}

async function budgetsOf(sql: Sql, tenant: string): Promise<readonly BudgetSpec[]> {
  const declared = (await fleetDeclaring(sql, tenant))?.tenants.find((one) => one.tenant === tenant);
  return declared?.budgets ?? [];
}
