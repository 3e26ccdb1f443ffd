/**
 * What a tenant says of its money and of whom to tell: `budgets` and `notify` of `tenant.ts`. Owns their schema and their plain form. Does
 * not own what a budget sets off (reconciler/budgets) or how somebody is told (platform/notify). Both came after the first release: a
 * spec has them only where they are declared (docs/decisions/0016).
 */
import { z } from "zod";
import { badBudget, channelUnclear, duplicateName, problem, type SpecProblem } from "./errors.ts";
import { nameProblem, shown } from "./names.ts";
import { amountMicros } from "./units.ts";
import { httpsUrl, secretReference } from "./values.ts";

/** What a month may cost. */
export type BudgetSpec = {
  /** null: the whole tenant. */
  readonly project: string | null;
  /** In the currency of the price book, before credits and tax. */
  readonly monthlyMicros: number;
  /** Percent of it at which somebody is told, rising. */
  readonly alerts: readonly number[];
  /** What happens at 100 percent: somebody is told, or its databases are paused until the month is over or the budget is raised. */
  readonly atCap: "tell" | "suspend";
};

/** What somebody can be told of; the first word of a notification's kind. */
export const topics = ["budget", "anomaly", "invoice", "payment", "hold", "advice", "health"] as const;
export type Topic = (typeof topics)[number];

/** Somebody who is told, in one of three ways. */
export type ChannelSpec = {
  /** Sorted. */
  readonly about: readonly Topic[];
  /** Only what concerns these projects, and what concerns none. Absent: everything. */
  readonly projects?: readonly string[];
} & (
  | { readonly kind: "email"; readonly address: string }
  /** Signed by Standard Webhooks with the tenant's secret of that name. */
  | { readonly kind: "webhook"; readonly url: string; readonly secret: string }
  /** The address itself is the tenant's secret of that name: whoever knows it can write there. */
  | { readonly kind: "slack"; readonly secret: string }
);

const amount = z
  .unknown()
  .refine((value) => (typeof value === "string" || typeof value === "number") && (amountMicros(value) ?? 0) > 0, {
    message: 'is not an amount such as "200": a decimal above zero with at most six places',
    params: { code: badBudget.definition.code, hint: badBudget.definition.hint },
  });

const budget = z.strictObject({
  project: z.string().optional(),
  monthly: amount,
  alerts: z.array(z.number().int().min(1).max(1_000)).max(10).optional(),
  atCap: z.enum(["tell", "suspend"]).optional(),
});

const channel = z.strictObject({
  email: z.email().max(254).optional(),
  webhook: httpsUrl.optional(),
  secret: secretReference.optional(),
  slack: secretReference.optional(),
  about: z.array(z.enum(topics)).min(1).optional(),
  projects: z.array(z.string()).min(1).max(200).optional(),
});

export const watchOptions = {
  budgets: z.array(budget).max(200).optional(),
  notify: z.array(channel).max(50).optional(),
};
type Said = { readonly [name in keyof typeof watchOptions]?: z.output<(typeof watchOptions)[name]> };

export const watchFields = { budgets: Object.keys(budget.shape), notify: Object.keys(channel.shape) } as const;

const defaultAlerts = [50, 80, 100];

export function watchProblems({ budgets = [], notify = [] }: Said): SpecProblem[] {
  const of = budgets.map(({ project }) => project ?? "");
  return [
    ...budgets.flatMap(({ project }, index) => [
      ...(project === undefined ? [] : named(project, ["budgets", index, "project"])),
      ...(of.indexOf(project ?? "") < index
        ? [problem(duplicateName, ["budgets", index], `${project ?? "the whole tenant"} has two budgets`)]
        : []),
    ]),
    ...notify.flatMap((one, index) => [
      ...ways(one, ["notify", index]),
      ...(one.projects ?? []).flatMap((project, at) => named(project, ["notify", index, "projects", at])),
    ]),
  ];
}

const named = (project: string, path: readonly (string | number)[]): SpecProblem[] => {
  const found = nameProblem("project", project, path);
  return found === undefined ? [] : [found];
};

function ways(one: z.output<typeof channel>, path: readonly (string | number)[]): SpecProblem[] {
  const said = (["email", "webhook", "slack"] as const).filter((way) => one[way] !== undefined);
  if (said.length !== 1)
    return [problem(channelUnclear, path, said.length === 0 ? "it names nobody" : `it names ${said.join(" and ")}`)];
  if ((said[0] === "webhook") === (one.secret !== undefined)) return [];
  return [
    said[0] === "webhook"
      ? problem(channelUnclear, path, `the webhook ${shown(one.webhook)} has no secret`)
      : problem(channelUnclear, [...path, "secret"], `${said[0]} takes no secret`),
  ];
}

/** Every default filled; nothing at all where nothing is said. */
export function declaredWatch({ budgets = [], notify = [] }: Said): {
  readonly budgets?: readonly BudgetSpec[];
  readonly notify?: readonly ChannelSpec[];
} {
  return {
    ...(budgets.length === 0 ? {} : { budgets: budgets.map(fillBudget).sort(byProject) }),
    ...(notify.length === 0 ? {} : { notify: notify.map(fillChannel) }),
  };
}

const fillBudget = ({ project, monthly, alerts, atCap }: z.output<typeof budget>): BudgetSpec => ({
  project: project ?? null,
  monthlyMicros: amountMicros(monthly as string | number) ?? 0,
  alerts: [...new Set(alerts ?? defaultAlerts)].sort((a, b) => a - b),
  atCap: atCap ?? "tell",
});

const byProject = (a: BudgetSpec, b: BudgetSpec): number => ((a.project ?? "") < (b.project ?? "") ? -1 : 1);

function fillChannel({ email, webhook, secret, slack, about, projects }: z.output<typeof channel>): ChannelSpec {
  const common = {
    about: [...new Set(about ?? topics)].sort(),
    ...(projects === undefined ? {} : { projects: [...new Set(projects)].sort() }),
  };
  if (email !== undefined) return { kind: "email", address: email, ...common };
  if (webhook !== undefined) return { kind: "webhook", url: webhook, secret: secret?.name ?? "", ...common };
  return { kind: "slack", secret: slack?.name ?? "", ...common };
}
